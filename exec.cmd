@rem In a POSIX shell the `exec` of `npm start` puts the broker in the shell's place, so that signals reach it and npm
@rem ends with its exit code. cmd.exe looks for commands here first and finds this one: it runs what follows.
@%*
