"""The image of a container, awaited: by its pull policy, with back-off (recordings image-pull-error, image-never-pull,
invalid-image-name)."""

import asyncio
import time
from pathlib import Path

from localcluster.kubelet import images
from localcluster.kubelet.backoff import Backoff
from localcluster.kubelet.messages import precise_duration
from localcluster.kubelet.voice import Voice

SOON = 0.03
LATER = 1.5
"""When the first and the later failures are told to be followed by a back-off, in multiples of the first delay."""
RETRY = 1.35
"""When the status speaks of the back-off and the image is looked for again, in multiples of the delay."""


async def pulled(reference: str, policy: str, folder: Path, backoff: Backoff, voice: Voice) -> images.Image | None:
    """The image; while there is none it is looked for again. None if the pod is deleted meanwhile."""
    await voice.sleep(backoff.left)
    while not voice.stopping.is_set():
        began = time.monotonic()
        try:
            image = await asyncio.to_thread(images.find, folder, reference)
        except images.InvalidName as error:
            voice.tell("InspectFailed", str(error), warning=True)
            voice.tell("Failed", "Error: InvalidImageName", warning=True)
            voice.wait_for("InvalidImageName", str(error))
            await voice.sleep(backoff.first)
        except images.NotPulled as error:
            await _missing(reference, policy, str(error), backoff, voice)
        else:
            await _found(reference, policy, image, began, voice)
            backoff.reset()
            return image
    return None


async def _found(reference: str, policy: str, image: images.Image, began: float, voice: Voice) -> None:
    if policy != "Always":
        voice.tell("Pulled", f'Container image "{reference}" already present on machine and can be accessed by the pod')
        return
    voice.tell("Pulling", f'Pulling image "{reference}"')
    size = await asyncio.to_thread(images.size, image)
    took = precise_duration(time.monotonic() - began)
    voice.tell(
        "Pulled",
        f'Successfully pulled image "{reference}" in {took} ({took} including waiting). Image size: {size} bytes.',
    )


async def _missing(reference: str, policy: str, text: str, backoff: Backoff, voice: Voice) -> None:
    if policy == "Never":
        message = f'Container image "{reference}" is not present with pull policy of Never'
        voice.tell("ErrImageNeverPull", message, warning=True)
        voice.tell("Failed", "Error: ErrImageNeverPull", warning=True)
        voice.wait_for("ErrImageNeverPull", message)
        await voice.sleep(backoff.first)
        return
    backoff.add()
    voice.tell("Pulling", f'Pulling image "{reference}"')
    voice.tell("Failed", f'Failed to pull image "{reference}": {text}', warning=True)
    voice.tell("Failed", "Error: ErrImagePull", warning=True)
    pause = backoff.first * (SOON if backoff.count == 1 else LATER)
    await voice.sleep(pause)
    if voice.stopping.is_set():
        return
    back_off = f'Back-off pulling image "{reference}"'
    voice.tell("BackOff", back_off)
    voice.tell("Failed", "Error: ImagePullBackOff", warning=True)
    voice.wait_for("ErrImagePull", text)
    await voice.sleep(backoff.delay * RETRY - pause)
    if not voice.stopping.is_set():
        voice.wait_for("ImagePullBackOff", f"{back_off}: ErrImagePull: {text}")
