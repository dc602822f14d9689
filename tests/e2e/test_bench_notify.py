"""The push bench runs a notifier and a stand-in for FCM of its own, and says how fast each sender was."""

from pathlib import Path

import pytest

from tests.e2e.commands import result_in_passing


@pytest.mark.timeout(400)
def test_the_push_bench_measures_three_senders_and_a_whole_notifier(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    results = result_in_passing("bench", "notify", "--pushes", "100", folder=tmp_path)["results"]
    assert [result.pop("latency_ms") for result in results] == [0, 100, 200]
    for result in results:
        assert all(figure > 0 for name, figure in result.items() if name.endswith("per_second")), result
        speeds = result["pushes_per_second"], result["send_each_async_per_second"]
        assert result["ratio"] == pytest.approx(speeds[0] / speeds[1], abs=0.01)
        assert {"bare_http_per_second", "notifier_pushes_per_second", "cpu_us_per_push"} <= result.keys()
