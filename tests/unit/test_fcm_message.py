"""Pushes as messages of FCM."""

import json
from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier.digest import Digest, Item
from services.notifier.fcm.message import to_message
from services.notifier.gateway import Device, Push
from services.notifier.rendering import rendering
from services.notifier.rendering.rendering import render
from shared.errors import UnreadableError
from shared.messages.notifications import JSON, Decoded, Notice, Notification, decode, encode
from shared.topology import Lane
from tests.sample_notices import ALERT, EXPIRY, FIRING, NOTIFICATION, NOW, USER

DAY_S = 24 * 3600
MOST_BYTES = 4_096
APP = "farelark://"

Platform = Literal["android", "ios", "web"]
PLATFORMS: tuple[Platform, ...] = ("android", "ios", "web")

EXCEPTIONAL = msgspec.structs.replace(FIRING, previous_price=80000)
DIGEST = Digest(NOTIFICATION, USER, (Item(FIRING, 6), Item(EXCEPTIONAL, 0)))


def leaving(on: date) -> Notification:
    return msgspec.structs.replace(FIRING, fare=msgspec.structs.replace(FIRING.fare, departure_date=on))


def push(
    told: Notice | Digest,
    platform: Platform,
    locale: str = "en",
    address: str = "an-address",
    by: Literal["token", "fid"] = "fid",
) -> Push:
    device = Device(UUID(int=4), USER, platform, locale, "UTC", address, by)
    return Push(told, device, render(told, locale), Lane.STANDARD)


def message(told: Notice | Digest, platform: Platform, links: str = APP) -> dict[str, Any]:
    """What goes to FCM, through its own encoder."""
    document: dict[str, Any] = json.loads(str(to_message(push(told, platform), NOW, links)))
    return document


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("told", [FIRING, EXPIRY, DIGEST], ids=["firing", "expiry", "digest"])
def test_the_text_stands_once_beside_the_part_of_the_devices_own_platform(
    told: Notice | Digest, platform: Platform
) -> None:
    document = message(told, platform)
    text = render(told, "en")
    part = {"android": "android", "ios": "apns", "web": "webpush"}[platform]
    assert set(document) == {"notification", "data", "fid", part}
    assert document["notification"] == {"title": text.title, "body": text.body}
    assert json.dumps(document).count(json.dumps(text.body)) == 1


@pytest.mark.parametrize(("by", "other"), [("token", "fid"), ("fid", "token")])
def test_a_device_is_addressed_by_what_it_registered_and_by_that_alone(by: Literal["token", "fid"], other: str) -> None:
    document = json.loads(str(to_message(push(FIRING, "ios", by=by), NOW, APP)))
    assert document[by] == "an-address"
    assert other not in document


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_app_learns_what_it_is_about_and_where_a_tap_leads(platform: Platform) -> None:
    of_alert = {
        "notification_id": str(NOTIFICATION),
        "alert_id": str(ALERT),
        "link": f"farelark://alerts/{ALERT}?notification={NOTIFICATION}",
    }
    assert message(FIRING, platform)["data"] == of_alert | {"kind": "fired"}
    assert message(EXPIRY, platform)["data"] == of_alert | {"kind": "expired"}
    assert message(DIGEST, platform)["data"] == {
        "notification_id": str(NOTIFICATION),
        "kind": "digest",
        "link": "farelark://notifications",
    }


@pytest.mark.parametrize("links", ["https://app.example.com", "https://app.example.com/"])
def test_a_web_address_of_the_app_is_what_a_browser_opens(links: str) -> None:
    document = message(FIRING, "web", links)
    assert document["webpush"]["fcm_options"] == {"link": document["data"]["link"]}
    assert document["data"]["link"] == f"https://app.example.com/alerts/{ALERT}?notification={NOTIFICATION}"
    assert message(DIGEST, "web", links)["webpush"]["fcm_options"]["link"] == "https://app.example.com/notifications"


def test_a_browser_is_given_no_link_that_only_a_phone_can_open() -> None:
    assert "fcm_options" not in message(FIRING, "web")["webpush"]


@pytest.mark.parametrize(("told", "tag"), [(FIRING, str(ALERT)), (EXPIRY, str(ALERT)), (DIGEST, f"digest-{USER}")])
def test_a_push_replaces_its_twin_and_what_was_told_of_its_alert_before(told: Notice | Digest, tag: str) -> None:
    assert message(told, "android")["android"]["notification"]["tag"] == tag
    assert message(told, "ios")["apns"]["headers"]["apns-collapse-id"] == tag
    assert message(told, "web")["webpush"]["notification"] == {"tag": tag, "renotify": False}
    assert len(tag.encode()) <= 64, "Apple takes no more"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (FIRING, DAY_S),
        (leaving(date(2026, 12, 1)), DAY_S // 2 - 1),
        (leaving(date(2026, 11, 30)), 0),
        (EXPIRY, 14 * DAY_S),
        (DIGEST, DAY_S // 2),
        (Digest(NOTIFICATION, USER, (Item(FIRING, 0), Item(leaving(date(2026, 12, 1)), 0))), DAY_S // 2 - 1),
        (Digest(NOTIFICATION, USER, (Item(leaving(date(2026, 11, 30)), 0), Item(FIRING, 0))), 0),
    ],
)
def test_a_push_lives_as_long_as_what_it_tells_and_never_longer_than_its_flight(
    told: Notice | Digest, seconds: int
) -> None:
    assert message(told, "android")["android"]["ttl"] == f"{seconds}s"
    assert message(told, "ios")["apns"]["headers"]["apns-expiration"] == str(int(NOW.timestamp()) + seconds)
    assert message(told, "web")["webpush"]["headers"]["TTL"] == str(seconds)


@pytest.mark.parametrize(
    ("told", "channel", "priority", "prominence"),
    [
        (FIRING, "price_drops", "high", "PRIORITY_HIGH"),
        (EXCEPTIONAL, "price_drops", "high", "PRIORITY_HIGH"),
        (DIGEST, "digests", "normal", "PRIORITY_DEFAULT"),
        (EXPIRY, "ended_alerts", "normal", "PRIORITY_LOW"),
    ],
)
def test_android_is_woken_for_a_firing_only_and_each_kind_has_a_channel_to_mute(
    told: Notice | Digest, channel: str, priority: str, prominence: str
) -> None:
    android = message(told, "android")["android"]
    assert android["priority"] == priority
    assert android["notification"]["channel_id"] == channel
    assert android["notification"]["notification_priority"] == prominence
    assert android["notification"]["visibility"] == "PRIVATE"
    assert "collapse_key" not in android


@pytest.mark.parametrize(
    ("told", "priority", "level", "thread", "sound"),
    [
        (FIRING, "10", "active", "NYC-LON", "default"),
        (EXCEPTIONAL, "10", "time-sensitive", "NYC-LON", "default"),
        (DIGEST, "5", "passive", "digest", None),
        (EXPIRY, "5", "passive", "NYC-LON", None),
    ],
)
def test_apple_interrupts_for_a_firing_and_breaks_through_a_focus_for_an_exceptional_one_only(
    told: Notice | Digest, priority: str, level: str, thread: str, sound: str | None
) -> None:
    apns = message(told, "ios")["apns"]
    assert apns["headers"]["apns-push-type"] == "alert"
    assert apns["headers"]["apns-priority"] == priority
    aps = {"thread-id": thread, "interruption-level": level}
    assert apns["payload"]["aps"] == aps | ({"sound": sound} if sound else {})


@pytest.mark.parametrize(("told", "urgency"), [(FIRING, "high"), (DIGEST, "normal"), (EXPIRY, "normal")])
def test_a_browser_is_woken_for_a_firing_only(told: Notice | Digest, urgency: str) -> None:
    assert message(told, "web")["webpush"]["headers"]["Urgency"] == urgency


# Scripts of one to four bytes a character, from both sides; the catalogues' languages; digits of their own.
LOCALES = ["en", "de", "es", "fr", "ar", "he", "fa", "ur", "hi", "bn", "ta", "th", "my", "ja", "zh", "ru", "am"]
LOCALES += ["dz", "ff_Adlm", "ccp"]
FROM_ELSEWHERE = {
    "source": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    "carrier": st.none() | st.from_regex(r"[A-Z0-9]{2,3}", fullmatch=True),
    "flight_number": st.none() | st.from_regex(r"[0-9]{1,4}[A-Z]?", fullmatch=True),
    "departure_time": st.none() | st.times().map(lambda time: f"{time:%H:%M}"),
    "departure_date": st.dates(),
    "return_date": st.none() | st.dates(),
    "cabin": st.sampled_from(["economy", "premium_economy", "business", "first"]),
    "stops": st.integers(0, 7),
    "currency": st.sampled_from(["EUR", "USD", "IDR", "KWD", "CLF"]),
    "price": st.integers(1, 2**63 - 1),
}
HOSTILE_NAMES = [
    "Licenciado y General Ignacio Lopez Rayon Airport",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 40,
    "\U0001f6eb" * 400,
    "\u202e\u05ea\u05dc \u05d0\u05d1\u05d9\u05d1" * 20,
    '"\\\x00</title>' * 20,
    "{now}%s{0}" * 20,
]
names = st.sampled_from(HOSTILE_NAMES) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@st.composite
def firings(draw: st.DrawFn) -> Notification:
    """A firing such as any sender may send it, through the reading of its message."""
    fare = msgspec.to_builtins(FIRING.fare) | draw(st.fixed_dictionaries(FROM_ELSEWHERE))
    document = msgspec.to_builtins(FIRING) | {"fare": fare, "previous_price": draw(st.integers(1, 2**63 - 1))}
    read = decode(msgspec.json.encode([document]), JSON)
    assert isinstance(read, Decoded)
    (firing,) = read.notices
    assert isinstance(firing, Notification)
    return firing


digests = st.builds(
    lambda items, times: Digest(NOTIFICATION, USER, tuple((items * times)[:300])),
    st.lists(st.builds(Item, firings(), st.integers(0, 10_000)), min_size=1, max_size=5),
    st.sampled_from([1, 300]),
)


@settings(deadline=None)  # a locale's first use reads its data
@given(firings() | digests | st.just(EXPIRY), st.sampled_from(LOCALES), names)
def test_no_message_is_ever_larger_than_fcm_takes(told: Notice | Digest, locale: str, name: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rendering, "city_name", lambda _: name)
        for platform in PLATFORMS:
            to = to_message(push(told, platform, locale, "a" * 255), NOW, "https://app.example.com/fares/")
            # The larger of its two forms: other encoders write what is not ASCII in fewer bytes.
            assert len(str(to).encode()) <= MOST_BYTES


@settings(deadline=None)  # a locale's first use reads its data
@given(firings(), st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(LOCALES))
def test_what_a_source_says_never_leaves_for_a_device(firing: Notification, source: str, locale: str) -> None:
    other = msgspec.structs.replace(firing, fare=msgspec.structs.replace(firing.fare, source=source))
    for platform in PLATFORMS:
        messages = [str(to_message(push(told, platform, locale), NOW, APP)) for told in (firing, other)]
        assert messages[0] == messages[1]


def test_text_that_no_encoder_can_write_is_refused_where_it_comes_in() -> None:
    body = encode([FIRING]).replace(b'"test"', b'"\\ud800"')
    with pytest.raises(UnreadableError, match="json_malformed"):
        decode(body, JSON)
