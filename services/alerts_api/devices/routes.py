"""Entering the device that pushes go to."""

from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody

from services.alerts_api.accounts.store import AccountsStore
from services.alerts_api.devices.resources import Device, DeviceRequest, check_time_zone
from services.alerts_api.http.problems import PROBLEMS

_KNOWN = {200: ResponseSpec(Device, generate_examples=False, description="The token was known already")}


@post("/devices", responses=PROBLEMS | _KNOWN)
async def enter_device(
    data: JSONBody[DeviceRequest], user_id: NamedDependency[UUID], accounts: NamedDependency[AccountsStore]
) -> Response[Device]:
    """Enter a device, or say that it is still there.

    The app calls this at every start. A token that was another account's is from now on this account's alone.
    """
    check_time_zone(data.time_zone)
    device_id, is_new = await accounts.enter_device(user_id, data)
    device = Device(device_id, data.platform, data.locale, data.time_zone, data.app_version)
    return Response(device, status_code=201 if is_new else 200)
