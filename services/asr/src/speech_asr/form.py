"""A multipart form as it arrives: the file goes on as a stream, the fields are kept."""

from collections.abc import AsyncGenerator, AsyncIterable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from speech_core.errors import InvalidRequest, TooLarge, UnsupportedMediaType

_FILE = "file"
# Of all together; a prompt is the longest.
_MAX_FIELDS_BYTES = 64 * 1024
_MAX_FIELDS = 64
_MAX_HEADER_BYTES = 8 * 1024


class Form:
    """
    Reads one body; raises `UnsupportedMediaType` for what is no form, `InvalidRequest` for a boundary that is none.

    *fields* has a list of values for each name, where `name[]` is `name`; it is whole once `file` has ended.
    """

    def __init__(self, content_type: str, *, max_file_bytes: int) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise UnsupportedMediaType("send multipart/form-data with a boundary")
        self.fields: dict[str, list[str]] = {}
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._close,
                },
            )
        except FormParserError as error:
            raise _broken(error) from None
        self._left_bytes = max_file_bytes
        self._fields_left_bytes = _MAX_FIELDS_BYTES
        self._max_file_bytes = max_file_bytes
        self._name = ""
        self._header = [bytearray(), bytearray()]
        self._value = bytearray()
        self._file_part = bytearray()
        self._files = 0
        self._has_begun = self._has_ended = False

    async def file(self, body: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
        """The bytes of the part `file`; raises `InvalidRequest` for a broken form, `TooLarge` for a large file."""
        try:
            async for part in body:
                self._parser.write(part)
                if self._file_part:
                    yield bytes(self._file_part)
                    self._file_part.clear()
        except FormParserError as error:
            raise _broken(error) from None
        if self._has_begun and not self._has_ended:
            raise InvalidRequest("the form is cut short: its last boundary is missing", code="invalid_form")
        if not self._files:
            raise InvalidRequest("`file` is required", code="missing_field", param=_FILE)

    def _close(self) -> None:
        self._has_ended = True

    def _begin(self) -> None:
        self._has_begun = True
        self._name = ""
        self._value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header[0], data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header[1], data[start:end])

    def _header_end(self) -> None:
        field, value = (bytes(part) for part in self._header)
        for part in self._header:
            part.clear()
        if field.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._name = options.get(b"name", b"").decode("utf-8", "replace").removesuffix("[]")
        if self._name == _FILE:
            self._files += 1
        if self._files > 1 or len(self.fields) > _MAX_FIELDS:
            raise InvalidRequest("the form has more parts than one file and its fields", code="invalid_form")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name != _FILE:
            self._fields_left_bytes -= end - start
            if self._fields_left_bytes < 0:
                raise InvalidRequest(
                    f"the fields of the form are larger than {_MAX_FIELDS_BYTES} bytes", code="invalid_form"
                )
            self._value += data[start:end]
            return
        self._left_bytes -= end - start
        if self._left_bytes < 0:
            raise TooLarge(f"the file is larger than {self._max_file_bytes} bytes", param=_FILE)
        self._file_part += data[start:end]

    def _end(self) -> None:
        if self._name and self._name != _FILE:
            values = self.fields.setdefault(self._name, [])
            if len(values) >= _MAX_FIELDS:
                raise InvalidRequest(f"`{self._name}` comes too often", code="invalid_form", param=self._name)
            values.append(self._value.decode("utf-8", "replace"))

    def _grow(self, header: bytearray, part: bytes) -> None:
        if len(header) + len(part) > _MAX_HEADER_BYTES:
            raise InvalidRequest(f"a header of the form is larger than {_MAX_HEADER_BYTES} bytes", code="invalid_form")
        header += part


def _broken(error: FormParserError) -> InvalidRequest:
    return InvalidRequest(f"the form is broken: {error}", code="invalid_form")
