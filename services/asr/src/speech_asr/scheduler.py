"""Who gets the engine, and when: the one place where requests meet it."""

from anyio import CapacityLimiter, to_thread

from speech_asr.engines import Engine, Task
from speech_asr.segments import Recognized
from speech_asr.vad import Window


class Scheduler:
    """
    At most *concurrency* windows in the engine; the others wait in the order in which they came.

    A request submits one window at a time, so a long file takes turns with the short ones. Cancelling drops a window
    that waits; one that is in the engine is finished, since the engine cannot be stopped.
    """

    def __init__(self, engine: Engine, concurrency: int) -> None:
        self._engine = engine
        self._turns = CapacityLimiter(concurrency)

    async def submit(self, window: Window, task: Task) -> Recognized:
        """What the engine makes of *window*, on the window's own clock."""
        return await to_thread.run_sync(self._engine.transcribe, window.samples, task, limiter=self._turns)
