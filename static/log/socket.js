// A websocket that comes back: `address()` says anew where to go on each time.

import { back, lost } from "../connection.js";

const [FIRST_DELAY, LONGEST_DELAY] = [250, 5000];
const [SIGNED_OUT, FORBIDDEN, GONE] = [4401, 4403, 4404];
const WHO = "log";

export const [FITS, ANEW, TROUBLE] = [0, 1, 2];

export class Socket {
  // `hear(frame)`: FITS; ANEW: there is a gap, connect again; TROUBLE: the server says itself why it has nothing.
  constructor({ address, hear }) {
    Object.assign(this, { address, hear, delay: FIRST_DELAY, over: false });
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.address()}`);
    socket.onopen = () => back(WHO);
    socket.onmessage = (event) => {
      const heard = this.hear(JSON.parse(event.data));
      if (heard !== TROUBLE) this.delay = FIRST_DELAY;
      if (heard === ANEW) socket.close();
    };
    socket.onclose = ({ code }) => {
      if (code === SIGNED_OUT) location.reload();
      if (this.over || [SIGNED_OUT, FORBIDDEN, GONE].includes(code)) return;
      lost(WHO);
      setTimeout(() => this.connect(), this.delay * (0.5 + Math.random() / 2));
      this.delay = Math.min(LONGEST_DELAY, this.delay * 2);
    };
  }
}
