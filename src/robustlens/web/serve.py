"""The lab at an address of this machine, until it is told to end."""

import socket

import uvicorn
from fastapi import FastAPI


def serve(app: FastAPI, bound: socket.socket) -> None:
    """Serve an app at a socket that is bound, until Ctrl-C; return once nothing is running."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[bound])
