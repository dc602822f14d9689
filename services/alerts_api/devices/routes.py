"""Entering, listing and forgetting the devices that pushes go to."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath

from services.alerts_api.devices.resources import Device, DeviceList, DeviceRequest, check
from services.alerts_api.devices.store import DevicesStore
from services.alerts_api.http.problems import NOT_FOUND, PROBLEMS

_EXAMPLE = {
    "fid": "fIAmAnInstallationId0x",
    "platform": "android",
    "locale": "de-CH",
    "time_zone": "Europe/Zurich",
    "app_version": "2.1.0",
}
_Entry = Annotated[DeviceRequest, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_EXAMPLE)])]

_KNOWN = {200: ResponseSpec(Device, generate_examples=False, description="The device was known already")}


@post("/devices", responses=PROBLEMS | _KNOWN)
async def enter_device(
    data: _Entry,
    user_id: NamedDependency[UUID],
    devices: NamedDependency[DevicesStore],
    now: NamedDependency[datetime],
) -> Response[Device]:
    """Enter a device, or say that it is still there.

    The app calls this at every start. A device that was another account's is from now on this account's alone. Of
    more than 20 the least recently seen goes.
    """
    check(data)
    device, is_new = await devices.enter(user_id, data, now)
    return Response(device, status_code=201 if is_new else 200)


@get("/devices", responses=PROBLEMS)
async def list_devices(user_id: NamedDependency[UUID], devices: NamedDependency[DevicesStore]) -> DeviceList:
    """List the devices that one's pushes go to, the last seen first.

    One that Firebase no longer knows is not among them until its app enters it again.
    """
    return DeviceList(await devices.all_of(user_id))


@delete("/devices/{device_id:uuid}", responses=PROBLEMS | NOT_FOUND)
async def forget_device(
    device_id: FromPath[UUID], user_id: NamedDependency[UUID], devices: NamedDependency[DevicesStore]
) -> None:
    """Forget a device: no push goes there any more."""
    if not await devices.remove(user_id, device_id):
        raise NotFoundException("you have no such device")


DEVICE_ROUTES: Final = [enter_device, list_devices, forget_device]
