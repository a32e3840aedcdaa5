"""ftp, ftps: control connections by aioftp, kept; bytes from the data connection straight to the reader."""

from .transport import FtpTransport as FtpTransport
