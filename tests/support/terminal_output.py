"""What a program shows on a terminal."""
import os
import pty


def terminal_output(command):
    """All that the command writes to a terminal of its own; it has to end with exit status 0."""
    shown = b""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    assert os.waitpid(child, 0)[1] == 0, shown
    return shown.decode().replace("\r\n", "\n")
