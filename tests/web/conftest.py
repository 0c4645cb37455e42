"""Two small nets as a pair, the lab that shows them, and a client of it."""

import importlib.util
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

if importlib.util.find_spec("fastapi") is None or importlib.util.find_spec("httpx") is None:
    collect_ignore_glob = ["test_*.py"]

SIDE = 12


@pytest.fixture(scope="session")
def pair() -> Any:
    from robustlens.data import Dataset
    from robustlens.nets import SmallCNN
    from robustlens.streams import initialised, stream
    from robustlens.vision.painter import Painter
    from robustlens.vision.seeds import Seeds
    from robustlens.web import Pair

    names = ("ship", "frog", "cat")
    nets = [initialised(seed, lambda: SmallCNN(3, 3, width=4)).eval() for seed in (0, 1)]
    pixels = torch.randint(0, 256, (30, 3, SIDE, SIDE), generator=stream(0, "x")).byte()
    data = Dataset(pixels, torch.arange(30) % 3, names, "toy")
    robust, standard = (
        Painter(net.requires_grad_(False), name, (3, SIDE, SIDE), names, lambda: Seeds.fit(data))
        for net, name in zip(nets, ("toy-robust", "toy-standard"), strict=True)
    )
    return Pair(robust, standard, lambda: data)


@pytest.fixture
def app(pair: Any) -> Any:
    from robustlens.web import lab_app

    return lab_app({"toy": pair})


@contextmanager
def serving(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an app on this machine, in a thread; yield its address."""
    import uvicorn

    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def serve() -> Any:
    return serving


@pytest.fixture
def client(app: Any) -> Iterator[Any]:
    import httpx

    with serving(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture
def desk(client: Any) -> str:
    answer = client.post("/api/desks", json={"model": "toy"})
    assert answer.status_code == 200, answer.text
    return f"/api/desks/{answer.json()['desk']}"
