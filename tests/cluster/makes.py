"""Profiles and runs for the cluster's tests."""

from collections.abc import Mapping
from pathlib import Path

from cvm_async._api.verbs import Verb
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import Order, Shard, Ticket, new_run
from cvm_async.panel import SimulatedPanel


def keep_profiles(config_home: Path, panels: Mapping[str, SimulatedPanel], **more: str | float) -> Path:
    """Write the file of profiles, one for each panel; `more` is said in each of them."""
    file = config_home / "cvm_async" / "profiles.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    lines: list[str] = []
    for name, panel in panels.items():
        said = {"url": panel.url, "public_token": panel.public_token, "private_token": panel.private_token, **more}
        lines += [f"[{name}]", *(f"{key} = {value!r}" for key, value in said.items())]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


async def begun(
    database: Database, *addresses: str, order: Order | None = None, run: str = "a-run", region: str = ""
) -> list[Shard]:
    """Keep a run over panels, as a coordinator does; give its shards."""
    asked = order or Order(verb=Verb.STOP)
    shards = [
        Shard(
            ticket=Ticket(run=run, number=number, address=address, region=region),
            order=asked,
            profiles=(f"acme-{number + 1}",),
        )
        for number, address in enumerate(addresses)
    ]
    await database.write(*new_run(asked, shards, name="maintenance", user="me", host="here"))
    return shards
