"""Findings of single processes, and of commands that run once."""

from releases.pipeline.diagnosis.catalogue import entry
from releases.pipeline.diagnosis.catalogue.entry import Entry
from releases.pipeline.diagnosis.finding import Severity

ERROR: Severity = "error"
WARNING: Severity = "warning"

IMAGES = (
    Entry(
        "image_name_invalid",
        entry.IMAGES,
        "The image's name is no valid one",
        ERROR,
        "pull",
        "No image can be called as the manifest says: capital letters, two slashes or a space, for example.",
        "Correct the image in the manifest. A name is `registry/repository:tag`, in small letters.",
    ),
    Entry(
        "image_not_found",
        entry.IMAGES,
        "There is no such image",
        ERROR,
        "pull",
        "The registry answers, and does not have the image: the name or the tag is wrong, it was never pushed, or it "
        "was removed.",
        "Compare the name with what the registry has. Build again, or promote a release whose image is still there.",
    ),
    Entry(
        "image_denied",
        entry.IMAGES,
        "The registry refuses to give the image",
        ERROR,
        "pull",
        "The registry wants a user that may read the image, and the cluster showed none or another. Many registries "
        "answer the same for a repository that does not exist.",
        "Test the registry on its page and give it a user that may read. See that the image's name is right.",
    ),
    Entry(
        "image_wrong_platform",
        entry.IMAGES,
        "The image is for another kind of machine",
        ERROR,
        "pull",
        "The image was built for processors or a system other than those of the node.",
        "Build the image for the cluster's kind of machine, or for several.",
    ),
    Entry(
        "image_never_pull",
        entry.IMAGES,
        "The image may not be pulled and is not there",
        ERROR,
        "pull",
        "The process says that its image is never pulled (`imagePullPolicy: Never`), and its node does not have it.",
        "Load the image onto every node, or let it be pulled.",
    ),
    Entry(
        "registry_unreachable",
        entry.IMAGES,
        "The registry can't be reached",
        ERROR,
        "pull",
        "The node gets no answer from the registry that it can use: the name is unknown, nobody listens, a firewall is "
        "between them, or the node does not trust its certificate.",
        "See that the registry runs, and that the nodes reach it by this name: what Deployer reaches, a node need not. "
        "A registry with a certificate of one's own must be made known to each node.",
    ),
    Entry(
        "image_pull_failing",
        entry.IMAGES,
        "The image can't be pulled",
        ERROR,
        "pull",
        "The registry answers with an error that may pass: it is overloaded, or limits how often one may ask.",
        "The cluster tries again by itself. If it lasts, look at the registry; a limit is lifted by signing in to it.",
    ),
)
STARTING = (
    Entry(
        "config_missing",
        entry.STARTING,
        "A Secret, a ConfigMap or a key of it is missing",
        ERROR,
        "config",
        "The process refers to a Secret or a ConfigMap that is not in its namespace, or to a key that is not in it. "
        "The finding says which.",
        "Promote again if it is one that Deployer writes: somebody removed it. Else create it, or name another.",
    ),
    Entry(
        "config_error",
        entry.STARTING,
        "The process can't be configured",
        ERROR,
        "config",
        "The node can't use what the process asks for: it must not run as root, for example, and its image does.",
        "The cluster's message says what it can't use. Correct that in the manifest or in the image.",
    ),
    Entry(
        "command_not_found",
        entry.STARTING,
        "The program does not exist",
        ERROR,
        "start",
        "The command names a program that is not in the image, or that is not on its PATH.",
        "Correct the service's `command`, or put the program into the image.",
    ),
    Entry(
        "not_executable",
        entry.STARTING,
        "The program may not be executed",
        ERROR,
        "start",
        "The file is there, but its permissions do not let anybody run it, or it is a folder.",
        "`chmod +x` it before the image is built, and see that the user of the image may read it.",
    ),
    Entry(
        "exec_format",
        entry.STARTING,
        "The program is for another kind of machine",
        ERROR,
        "start",
        "The node can't run the program: it was built for other processors, or it is a script without a first line "
        "that says what runs it.",
        "Build the image for the cluster's kind of machine. Begin a script with `#!`.",
    ),
    Entry(
        "cannot_start",
        entry.STARTING,
        "The process can't be started",
        ERROR,
        "start",
        "The node could not create or start the container. Some such troubles pass by themselves.",
        "The cluster's message says what failed. If it lasts on one node only, look at that node.",
    ),
    Entry(
        "init_failing",
        entry.STARTING,
        "The container that runs before the main one fails",
        ERROR,
        "exits",
        "A service with an init container begins when that has ended well; it ends with an error again and again.",
        "Look at its last lines; run the same command by hand with `deployer run`.",
    ),
    Entry(
        "init_stuck",
        entry.STARTING,
        "The container that runs before the main one does not end",
        ERROR,
        "never_ready",
        "A service with an init container begins when that has ended; it runs still.",
        "Look at what it writes, and what it waits for. If it needs the time, raise `deployment.deadline`.",
    ),
    Entry(
        "volume_stuck",
        entry.STARTING,
        "A volume can't be had",
        ERROR,
        "never_ready",
        "The node can't attach or mount a volume of the process: its claim or Secret does not exist, its storage does "
        "not answer, or another node has it still.",
        "The finding names the volume and what is missing. A volume that another node holds comes free when the "
        "process there has ended.",
    ),
    Entry(
        "pulling",
        entry.STARTING,
        "The image is pulled for long",
        WARNING,
        "never_ready",
        "The node pulls the image, and is not done: it is large, or the way to the registry is slow.",
        "Wait. Smaller images, and a registry near the cluster, start sooner.",
    ),
    Entry(
        "starting",
        entry.STARTING,
        "The process does not start",
        ERROR,
        "never_ready",
        "The process has a node, which has not started it for a while: its network is not ready, or the node is slow "
        "or ill.",
        "The cluster's message, if there is one, says what it waits for. Look at the node and its network.",
    ),
)
RUNNING = (
    Entry(
        "liveness_killed",
        entry.RUNNING,
        "The liveness check had the process killed",
        ERROR,
        "liveness",
        "The process did not answer its liveness check as often as the manifest allows, so the cluster killed it.",
        "Look at what the check saw. A liveness check should say no only where a restart helps; give slow starts more "
        "`grace`.",
    ),
    Entry(
        "out_of_memory",
        entry.RUNNING,
        "The process used more memory than it may",
        ERROR,
        "out_of_memory",
        "The kernel killed the process when it went beyond its limit: `scale.memory` of its service. A crash loop may "
        "hide this.",
        "Raise `scale.memory`, or find what uses the memory: fewer workers, smaller batches, a leak.",
    ),
    Entry(
        "completed",
        entry.RUNNING,
        "The process ended as if its work were done",
        ERROR,
        "exits",
        "The command ended with 0. A service must run for ever: the cluster starts it again, later each time.",
        "Run the program in the foreground. What is to run once or by the clock is a release command or a timer.",
    ),
    Entry(
        "crash_loop",
        entry.RUNNING,
        "The process crashes",
        ERROR,
        "exits",
        "The program ends with an error soon after it began; the cluster starts it again, later each time.",
        "Its last lines say why, most often: a variable that is missing, a database that it does not reach.",
    ),
    Entry(
        "crashed",
        entry.RUNNING,
        "The process crashed lately and runs again",
        WARNING,
        "exits",
        "The program ended with an error within the last ten minutes; or three times, and within the last hour.",
        "Look at the last lines of its previous run before they are gone.",
    ),
    Entry(
        "not_ready",
        entry.RUNNING,
        "The process is not ready",
        ERROR,
        "never_ready",
        "The program runs, and does not answer its health check as it should, so that nobody is sent to it.",
        "Look at what the check saw: `services.<name>.health` and `port` must be what the program serves, and it must "
        "listen on all addresses.",
    ),
    Entry(
        "wrong_port",
        entry.RUNNING,
        "The process listens on another port or address than it is asked on",
        ERROR,
        "never_ready",
        "Nobody listens where the process is asked, and it wrote itself where it listens.",
        "Let the program listen on 0.0.0.0 and on the port that the variable PORT names, or correct "
        "`services.<name>.port`.",
    ),
)
PLACE = (
    Entry(
        "unschedulable",
        entry.PLACE,
        "The process finds no place in the cluster",
        ERROR,
        "unschedulable",
        "No node has what the process asks for: CPU, memory, its volume, a label. The finding counts the nodes by what "
        "they lack.",
        "Lower `scale.cpu` or `scale.memory`, add a node, or make room on those there are.",
    ),
    Entry(
        "node_gone",
        entry.PLACE,
        "The node of the process is gone",
        ERROR,
        "",
        "The node has not reported for a while: it is down, or cut off. What ran there may run on; nobody knows. "
        "The cluster starts the process elsewhere after some minutes, if it has no volume.",
        "Start the node again. If it does not come back, remove it from the cluster, so that its processes are let go.",
    ),
    Entry(
        "evicted",
        entry.PLACE,
        "The process was put off its node",
        WARNING,
        "",
        "The node needed the room, was shut down, or would not take the process; another takes its place.",
        "If it happens often: ask for as much memory as is used, and see how full the nodes are.",
    ),
    Entry(
        "terminating_long",
        entry.PLACE,
        "The process does not end",
        WARNING,
        "",
        "It was told to end, and is still there when all of its time is over: its node does not answer, or a finalizer "
        "holds it.",
        "Look at its node. A finalizer is removed by who has set it.",
    ),
)
COMMANDS = (
    Entry(
        "command_failed",
        entry.COMMANDS,
        "A command failed",
        ERROR,
        "release_command",
        "A release command, a timer or a one-off process ended with an error, or was stopped. When a release command "
        "fails nothing of the release is started.",
        "Its last lines say why. It may have run in part: see to what it changed before it is run again.",
    ),
    Entry(
        "command_late",
        entry.COMMANDS,
        "A command did not end in its time",
        ERROR,
        "release_command",
        "A release command, a timer or a one-off process ran longer than it may and was stopped; it may have run in "
        "part.",
        "Raise its timeout in the manifest, or make it faster. See that it does not wait for a lock.",
    ),
)
PROCESSES: tuple[Entry, ...] = IMAGES + STARTING + RUNNING + PLACE + COMMANDS
