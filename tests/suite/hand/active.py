# A client in active mode: a cut upload that is gone on with, names with blanks, text. HOST PORT USER PASSWORD
import ftplib, io, socket, struct, sys


def login():
    ftp = ftplib.FTP()
    ftp.connect(sys.argv[1], int(sys.argv[2]))
    ftp.login(sys.argv[3], sys.argv[4])
    ftp.set_pasv(False)
    ftp.sendcmd("TYPE I")
    return ftp


content = bytes(range(251)) * 20000
ftp = login()
data = ftp.transfercmd("STOR up.bin")
data.sendall(content[:3000000])
data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
data.close()
try:
    ftp.voidresp()
except ftplib.Error:
    pass
ftp.quit()

ftp = login()
kept = ftp.size("up.bin")
data = ftp.transfercmd("STOR up.bin", rest=kept)
data.sendall(content[kept:])
data.close()
ftp.voidresp()
back = io.BytesIO()
ftp.retrbinary("RETR up.bin", back.write, rest=1000)
assert back.getvalue() == content[1000:]
ftp.mkd("new dir")
ftp.cwd("new dir")
ftp.storbinary("STOR a b", io.BytesIO(b"abc"))
assert [name for name, _ in ftp.mlsd() if name not in (".", "..")] == ["a b"]
ftp.rename("a b", "c")
ftp.delete("c")
ftp.cwd("..")
ftp.rmd("new dir")
ftp.storlines("STOR t.txt", io.BytesIO(b"one\r\ntwo\r\n"))
lines = []
ftp.retrlines("RETR t.txt", lines.append)
assert lines == ["one", "two"], lines
try:
    ftp.delete("nope")
    raise SystemExit("nope was there")
except ftplib.error_perm:
    pass
ftp.quit()
