"""Any audio file, or bare PCM, to runs of samples: streaming, bounded, and strict about what is missing."""

# PyAV leaves the type of a packet's stream open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Literal, get_args

import av
from av import error as av_error
from av.container import InputContainer

from speech_core.audio import AudioFormat, Pcm
from speech_core.codec.resample import from_av
from speech_core.errors import InvalidRequest, TooLarge

SampleFormat = Literal["s16le", "s16be", "s24le", "s32le", "f32le", "u8", "mulaw", "alaw"]

# What people send; nothing that opens other files or addresses (playlists, hls, concat) is among them.
_DEMUXERS = "wav,w64,aiff,au,caf,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,aac,amr,asf,mpegts,mpeg,avi"
_UNREADABLE = "this cannot be decoded; send wav, mp3, flac, ogg, opus, webm, m4a or aac"
_CHUNK_SECONDS = 1.0
# A player forgives a damaged packet or two (a cut tail, junk before the first frame), and one in fifty of a long
# recording: it is silent there. More is another file.
_FORGIVEN_PACKETS = 3
_FORGIVEN_ONE_IN = 50
# Encoders pad and resamplers round: audio of exactly the limit is not too long.
_LIMIT_SLACK_SECONDS = 0.1
# ffmpeg knows no places for more channels than these, and so cannot mix them.
_MOST_PLACED_CHANNELS = 8
_RAW_RATES_HZ = (1_000, 384_000)
_RAW_CHANNELS = (1, 64)
# Containers whose header says how long the audio is, and what may be missing from that.
_SAYS_ITS_LENGTH = frozenset({"wav", "w64", "aiff", "flac", "mov", "matroska"})
_MISSING_SECONDS = 0.5
_MISSING_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Where decoding stops with an error: a small file can hold hours."""

    max_audio_seconds: float
    max_decoded_bytes: int


@dataclass(frozen=True, slots=True)
class RawAudio:
    """The form of samples without a container; an impossible one raises `InvalidRequest` (unsupported_format)."""

    sample_rate_hz: int
    channels: int = 1
    sample_format: SampleFormat = "s16le"

    def __post_init__(self) -> None:
        if self.sample_format not in (known := get_args(SampleFormat)):
            raise _unsupported(f"`{self.sample_format}` is not one of {', '.join(known)}", param="fmt")
        for param, value, (least, most) in (
            ("sr", self.sample_rate_hz, _RAW_RATES_HZ),
            ("ch", self.channels, _RAW_CHANNELS),
        ):
            if not least <= value <= most:
                raise _unsupported(f"{value} is not between {least} and {most}", param=param)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its audio track before it is decoded; *seconds* may be an estimate, 0 is not known."""

    seconds: float
    channels: int


@dataclass(slots=True)
class _Progress:
    """How far the decoder is: in bytes as they were decoded, and in the file's own time."""

    decoded_bytes: int = 0
    reached_seconds: float = 0.0


def decode(
    path: Path,
    target: AudioFormat,
    *,
    limits: DecodeLimits,
    raw: RawAudio | None = None,
    channel: int | None = None,
    on_header: Callable[[Header], None] | None = None,
) -> Generator[Pcm]:
    """
    Yield the first audio track of *path* in *target*'s format, about a second at a time.

    *channel* picks one of the track's channels, from 0; *on_header* is called once, before the first samples. Raises
    `InvalidRequest` (bad_audio) for what is no audio, is damaged, or ends before the length it announces, and
    `TooLarge` (audio_too_long) as soon as a limit is passed.
    """
    try:
        with _open(path, raw) as container:
            announced_seconds = _announced_seconds(_track(container), path)
            _check_header(container, announced_seconds, limits)
            if on_header:
                on_header(_header(container, announced_seconds))
            yield from _chunks(container, announced_seconds, target, limits, channel=channel)
    except (av_error.FFmpegError, UnicodeDecodeError, ValueError) as error:
        raise _bad_audio(f"{_UNREADABLE} ({_reason(error)})") from error


def _open(path: Path, raw: RawAudio | None) -> InputContainer:
    if path.stat().st_size == 0:
        raise _bad_audio("the body is empty")
    if raw is None:
        options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
        # Titles come in every code page there is, and nobody reads them here.
        return av.open(str(path), mode="r", options=options, metadata_errors="replace")
    layout = {"ch_layout": f"{raw.channels}C" if raw.channels > 2 else ("mono", "stereo")[raw.channels - 1]}
    return av.open(
        str(path),
        mode="r",
        format=raw.sample_format,
        options={"sample_rate": str(raw.sample_rate_hz), "protocol_whitelist": "file", **layout},
    )


def _track(container: InputContainer) -> InputContainer:
    """*container*, if it has an audio track that can be decoded."""
    if not container.streams.audio:
        raise _bad_audio("the file has no audio track")
    if container.streams.audio[0].codec_context is None:  # pyright: ignore[reportUnnecessaryComparison] PyAV's stub errs
        raise _bad_audio("the audio track is of a codec that is not known here")
    return container


def _check_header(container: InputContainer, announced_seconds: float, limits: DecodeLimits) -> None:
    # A wav's header may be that of a stream and name any length; there, the bytes are the length.
    if announced_seconds > limits.max_audio_seconds + _LIMIT_SLACK_SECONDS and "wav" not in container.format.name:
        raise _too_long(f"the audio is longer than {limits.max_audio_seconds:g} s")


def _header(container: InputContainer, announced_seconds: float) -> Header:
    guessed_seconds = (container.duration or 0) / av.time_base
    return Header(announced_seconds or guessed_seconds, container.streams.audio[0].codec_context.channels)


def _chunks(
    container: InputContainer,
    announced_seconds: float,
    target: AudioFormat,
    limits: DecodeLimits,
    *,
    channel: int | None,
) -> Generator[Pcm]:
    chunk, held_bytes, seconds, progress = [b""], 0, 0.0, _Progress()
    least_bytes = int(_CHUNK_SECONDS * target.sample_rate_hz) * target.bytes_per_frame
    for samples in _resampled(container, target, limits, progress=progress, channel=channel):
        chunk.append(samples)
        held_bytes += len(samples)
        seconds += target.seconds(len(samples))
        if seconds > limits.max_audio_seconds + _LIMIT_SLACK_SECONDS:
            raise _too_long(f"the audio is longer than {limits.max_audio_seconds:g} s")
        if held_bytes >= least_bytes:
            yield Pcm(b"".join(chunk), target)
            chunk, held_bytes = [], 0
    if held_bytes:
        yield Pcm(b"".join(chunk), target)
    if seconds == 0:
        raise _bad_audio("the file holds no audio")
    heard_seconds = max(seconds, progress.reached_seconds)
    if announced_seconds - heard_seconds > max(_MISSING_SECONDS, _MISSING_SHARE * announced_seconds):
        raise _bad_audio(f"the file is cut short: it announces {announced_seconds:.1f} s and holds {seconds:.1f} s")


def _resampled(
    container: InputContainer,
    target: AudioFormat,
    limits: DecodeLimits,
    *,
    progress: _Progress,
    channel: int | None,
) -> Generator[bytes]:
    """Samples as they come out of the decoder; the layout is mixed down by ffmpeg's own matrix."""
    layout = "mono" if target.channels == 1 else "stereo" if target.channels == 2 else f"{target.channels}c"
    resampler, source = av.AudioResampler("s16", layout, target.sample_rate_hz), None
    for decoded in _frames(container):
        _advance(progress, decoded, container)
        if progress.decoded_bytes > limits.max_decoded_bytes:
            raise _too_long(f"the audio decodes to more than {limits.max_decoded_bytes} bytes")
        frame = _mixable(decoded) if channel is None else _only(decoded, channel)
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source not in (None, shape):  # a chained stream may change its form in the middle
            yield from (from_av(rest) for rest in resampler.resample(None))
            resampler = av.AudioResampler("s16", layout, target.sample_rate_hz)
        source = shape
        frame.pts = None  # gaps in time stamps are not silence
        yield from (from_av(part) for part in resampler.resample(frame))
    if source is not None:
        yield from (from_av(rest) for rest in resampler.resample(None))


def _frames(container: InputContainer) -> Generator[av.AudioFrame]:
    stream, damaged, lost, last = container.streams.audio[0], 0, 0, None
    for count, packet in enumerate(container.demux(stream)):
        try:
            for frame in stream.codec_context.decode(packet):
                if last is not None and lost:  # what follows keeps its place in time
                    yield from repeat(_silence_like(last), lost)
                last, lost = frame, 0
                yield frame
        except av_error.InvalidDataError as error:
            damaged, lost = damaged + 1, lost + 1
            if damaged > max(_FORGIVEN_PACKETS, count // _FORGIVEN_ONE_IN):
                raise _bad_audio("the audio is damaged") from error


def _silence_like(frame: av.AudioFrame) -> av.AudioFrame:
    silent = av.AudioFrame(frame.format.name, frame.layout.name, frame.samples)
    silent.sample_rate = frame.sample_rate
    zero = b"\x80" if frame.format.name.startswith("u8") else b"\0"
    for plane in silent.planes:
        plane.update(zero * plane.buffer_size)
    return silent


def _advance(progress: _Progress, frame: av.AudioFrame, container: InputContainer) -> None:
    progress.decoded_bytes += frame.samples * frame.format.bytes * frame.layout.nb_channels
    stream = container.streams.audio[0]
    if frame.time is None or stream.time_base is None:
        return
    start_seconds = float((stream.start_time or 0) * stream.time_base)
    end_seconds = frame.time + frame.samples / frame.sample_rate - start_seconds
    progress.reached_seconds = max(progress.reached_seconds, end_seconds)


def _mixable(frame: av.AudioFrame) -> av.AudioFrame:
    """*frame*, or the mean of its channels where there are more than ffmpeg can mix."""
    channels = frame.layout.nb_channels
    # PyAV reads past the end of a planar frame's planes when there are more than eight: those stay ffmpeg's to refuse.
    if channels <= _MOST_PLACED_CHANNELS or frame.format.is_planar:
        return frame
    samples = frame.to_ndarray().reshape(-1, channels)
    mean = samples.mean(axis=1).astype(samples.dtype).reshape(1, -1)
    mixed = av.AudioFrame.from_ndarray(mean, format=frame.format, layout="mono")
    mixed.sample_rate = frame.sample_rate
    return mixed


def _only(frame: av.AudioFrame, channel: int) -> av.AudioFrame:
    """One channel of *frame*, counted from 0."""
    channels = frame.layout.nb_channels
    if channel >= channels:
        raise _bad_audio(f"the audio has {channels} channels")
    if channels > _MOST_PLACED_CHANNELS and frame.format.is_planar:  # as in `_mixable`
        raise _bad_audio(f"{channels} channels of this codec cannot be told apart")
    samples = frame.to_ndarray()
    own = samples[channel] if frame.format.is_planar else samples.reshape(-1, channels)[:, channel]
    picked = av.AudioFrame.from_ndarray(own.reshape(1, -1).copy(), format=frame.format, layout="mono")
    picked.sample_rate = frame.sample_rate
    return picked


def _announced_seconds(container: InputContainer, path: Path) -> float:
    """What the header says, where it says it and does not estimate; 0 when it does not."""
    names = set(container.format.name.split(","))
    if not names & _SAYS_ITS_LENGTH and not ("mp3" in names and _has_frame_count(path)):
        return 0.0
    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Only the whole file's length is known (webm): that of a film may be its picture's.
    if container.duration is None or len(container.streams) > 1:
        return 0.0
    return container.duration / av.time_base


def _has_frame_count(path: Path) -> bool:
    """Whether an mp3 counts its frames (a Xing, Info or VBRI header); otherwise its length is a guess."""
    with path.open("rb") as file:
        head = file.read(8192)
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _bad_audio(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="bad_audio", param="file")


def _too_long(message: str) -> TooLarge:
    return TooLarge(message, code="audio_too_long", param="file")


def _unsupported(message: str, *, param: str) -> InvalidRequest:
    return InvalidRequest(message, code="unsupported_format", param=param)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
