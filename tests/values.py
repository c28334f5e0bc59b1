"""Models for tests that need some, whatever is in them."""

from cvm_async import Vps


def vps(
    number: int,
    node: int | None = 1,
    *,
    hostname: str | None = None,
    location: str | None = None,
    template: int | None = None,
) -> Vps:
    return Vps(
        id=number,
        hostname=f"vps{number}.example.net" if hostname is None else hostname,
        node=node,
        virtualization_type=1,
        guaranteed_ram=1,
        disk_space=1,
        cpu_count=1,
        location=location,
        template=template,
    )
