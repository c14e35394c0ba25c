"""The server's HTTP protocol: what is not HTTP at all is answered with a problem too."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.problems import problem_bytes


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with httptools."""

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP, and close."""
        _, headers, body = problem_bytes("malformed-request", msg)
        lines = [b"HTTP/1.1 400 Bad Request"]
        lines += [name + b": " + value for name, value in headers]
        self.transport.write(b"\r\n".join([*lines, b"connection: close", b"", body]))
        self.transport.close()
