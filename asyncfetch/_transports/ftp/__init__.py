"""ftp, ftps: control connections by aioftp, kept and shared; bytes from the data connection into the reader's buffer."""

from .transport import FtpTransport as FtpTransport
