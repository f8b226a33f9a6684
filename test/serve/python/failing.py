"""What goes wrong: errors, limits, timeouts, streams that break."""

import time

import openai
from openai import OpenAI

from kit import MODEL, URL, ask, client, control, fail, raises, stopped, upstream


def errors_are_typed():
    stranger = OpenAI(base_url=URL, api_key="sk-nobody-0123456789")
    raises(
        openai.AuthenticationError, lambda: stranger.chat.completions.create(**ask("x")), code="gateway_unknown_key"
    )
    raises(
        openai.PermissionDeniedError,
        lambda: client("beta").chat.completions.create(**{**ask("x"), "model": "gpt-4o"}),
        code="gateway_model_not_allowed",
        param="model",
    )
    raises(openai.NotFoundError, lambda: client().files.list(), code="unknown_url")
    raises(
        openai.APIStatusError,
        lambda: client().chat.completions.create(**ask("a" * 30_000_000)),
        status_code=413,
        code="request_too_large",
    )
    fail({"type": "status", "status": 400, "code": "bad_thing", "param": "messages"})
    raises(
        openai.BadRequestError, lambda: client().chat.completions.create(**ask("y")), code="bad_thing", param="messages"
    )
    fail({"type": "status", "status": 500}, 2)
    raises(openai.InternalServerError, lambda: client(max_retries=0).chat.completions.create(**ask("z")))


def an_error_of_a_streamed_call_is_typed_too():
    fail({"type": "status", "status": 400, "code": "bad_thing"})
    raises(
        openai.BadRequestError, lambda: client().chat.completions.create(**ask("y", stream=True)), code="bad_thing"
    )
    fail({"type": "status", "status": 400, "code": "bad_thing"})
    raises(openai.BadRequestError, lambda: client().responses.create(model=MODEL, input="y"), code="bad_thing")
    fail({"type": "status", "status": 400, "code": "bad_thing"})
    raises(
        openai.BadRequestError,
        lambda: client().embeddings.create(model="text-embedding-3-small", input="y"),
        code="bad_thing",
    )


def a_broken_model_is_replaced():
    fail({"type": "status", "status": 503})
    raw = client().chat.completions.with_raw_response.create(**ask("broken"))
    assert (raw.headers["x-gateway-route"], raw.parse().model) == ("failover", "gpt-4o")


def a_broken_upstream_is_asked_again():
    fail({"type": "reset"}, 2)
    assert client().chat.completions.create(**ask("again and again")).choices


def a_limit_is_a_rate_limit_error_at_once():
    client("few").chat.completions.create(**ask("first"))
    began = time.monotonic()
    error = raises(
        openai.RateLimitError,
        lambda: client("few").chat.completions.create(**ask("second")),
        code="gateway_rpm_exceeded",
    )
    assert time.monotonic() - began < 10
    assert float(error.response.headers["retry-after"]) > 10
    assert error.response.headers["rate_limit_type"] == "requests"
    raises(
        openai.RateLimitError,
        lambda: client("poor").chat.completions.create(**ask("dear")),
        code="gateway_daily_usd_exceeded",
    )
    assert len(upstream()) == 1


def a_limit_of_tokens():
    raises(
        openai.RateLimitError,
        lambda: client("small").chat.completions.create(**ask("word " * 400, max_tokens=10)),
        code="gateway_tpm_exceeded",
    )
    assert len(upstream()) == 0


def a_limit_of_another_team_is_none_of_ours():
    for _ in range(2):
        try:
            client("few").chat.completions.create(**ask(f"few {time.monotonic()}"))
        except openai.RateLimitError:
            pass
    assert client("beta").chat.completions.create(**ask("beta")).choices


def an_error_in_mid_stream_is_an_api_error():
    fail({"type": "error-event", "afterChunks": 3, "message": "overloaded"})
    seen = []

    def run():
        for chunk in client().chat.completions.create(**ask("x", stream=True)):
            seen.append(chunk)

    raises(openai.APIError, run)
    assert seen


def a_stream_that_breaks_off_is_an_error():
    fail({"type": "cut", "afterChunks": 3})
    try:
        list(client().chat.completions.create(**ask("x", stream=True)))
    except Exception:
        return
    raise AssertionError("a short answer passed for a whole one")


def who_leaves_in_mid_stream_stops_upstream():
    fail({"type": "slow", "chunkDelayMs": 100})
    with client().chat.completions.create(**ask("long", stream=True)) as chunks:
        for _ in chunks:
            break
    assert stopped(), "upstream goes on"


def a_timeout_of_the_client_stops_upstream():
    fail({"type": "hang"})
    raises(openai.APITimeoutError, lambda: client(max_retries=0, timeout=0.5).chat.completions.create(**ask("slow")))
    assert stopped(), "upstream goes on"


def a_timeout_of_one_call_in_mid_stream():
    fail({"type": "hang", "after": "headers"})
    try:
        list(client(max_retries=0).chat.completions.create(**ask("slow stream", stream=True), timeout=0.5))
    except Exception as error:
        assert "timed out" in str(error).lower() or "timeout" in type(error).__name__.lower(), repr(error)
    else:
        raise AssertionError("no error")
    assert stopped(), "upstream goes on"


def a_timeout_as_litellm_has_it():
    fail({"type": "hang"})
    raises(
        openai.APIStatusError,
        lambda: client(max_retries=0).chat.completions.create(**ask("late"), extra_body={"timeout": 0.3}),
        status_code=408,
        code="gateway_timeout",
    )
    assert stopped(), "upstream goes on"


def an_upstream_that_is_slow_is_waited_for():
    fail({"type": "latency", "ms": 800})
    assert client().chat.completions.create(**ask("slow, but there")).choices
    control("/reset")
