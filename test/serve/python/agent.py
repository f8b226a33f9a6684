"""An agent in Python: the official client, told no more than another address and its team key."""

import asyncio
import json
import os
import sys
import time
import traceback
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

URL = os.environ["GATEWAY_URL"]
MODEL = "gpt-4o-mini"
direct = OpenAI(base_url=os.environ["UPSTREAM_URL"], api_key=os.environ["UPSTREAM_KEY"])


def client(team="alpha", **options):
    return OpenAI(base_url=URL, api_key=os.environ[f"KEY_{team.upper()}"], **options)


def ask(content, **more):
    return {"model": MODEL, "messages": [{"role": "user", "content": content}], **more}


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(os.environ["CONTROL_URL"] + path, data) as response:
        return json.load(response)


def fail(fault, times=1):
    control("/fail", {"fault": fault, "times": times})


def upstream():
    return control("/requests")


def same(run):
    """What comes through the gateway is what comes from upstream itself."""
    through = run(client())
    assert through == run(direct), through
    return through


def raises(kind, run, **fields):
    try:
        run()
    except openai.OpenAIError as error:
        assert type(error) is kind, repr(error)
        for name, value in fields.items():
            assert getattr(error, name) == value, (name, getattr(error, name))
        return error
    raise AssertionError(f"no {kind.__name__}")


TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Verdict(BaseModel):
    reasoning: str
    answer: str
    score: float


def chat():
    answer = same(lambda it: it.chat.completions.create(**ask("What is the margin? 漢字 🙂")))
    assert answer.choices[0].message.content


def stream():
    options = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = same(lambda it: list(it.chat.completions.create(**ask("Tell me.", **options))))
    assert chunks[-1].usage.total_tokens > 0


def stream_helper():
    def run(it):
        with it.chat.completions.stream(**ask("Tell me more.")) as events:
            for _ in events:
                pass
            return events.get_final_completion().choices[0].message.content

    assert same(run)


def tools():
    answer = same(lambda it: it.chat.completions.create(**ask("use weather", tools=[TOOL])))
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "weather"
    turn = [
        {"role": "user", "content": "use weather"},
        answer.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    same(lambda it: it.chat.completions.create(model=MODEL, messages=turn, tools=[TOOL]))


def tools_streamed():
    same(lambda it: list(it.chat.completions.create(**ask("use weather now", tools=[TOOL], stream=True))))


def structured_output():
    answer = same(lambda it: it.chat.completions.parse(**ask("judge"), response_format=Verdict))
    assert isinstance(answer.choices[0].message.parsed, Verdict)


def responses():
    answer = same(lambda it: it.responses.create(model=MODEL, input="What now?"))
    assert answer.output_text


def responses_streamed():
    events = same(lambda it: list(it.responses.create(model=MODEL, input="What then?", stream=True)))
    assert events[-1].type == "response.completed"


def responses_parsed():
    answer = same(lambda it: it.responses.parse(model=MODEL, input="judge this", text_format=Verdict))
    assert isinstance(answer.output_parsed, Verdict)


def embeddings():
    answer = same(lambda it: it.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=8))
    assert len(answer.data[1].embedding) == 8


def legacy_completions():
    same(lambda it: it.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once upon a time"))


def models_and_moderations():
    assert [model.id for model in client("beta").models.list()] == [MODEL]
    assert client("beta").models.retrieve(MODEL).id == MODEL
    raises(openai.NotFoundError, lambda: client("beta").models.retrieve("gpt-4o"), code="model_not_found")
    assert same(lambda it: it.moderations.create(input="kind words")).results[0].flagged is False


def cache_of(it, **body):
    raw = it.chat.completions.with_raw_response.create(**body)
    return raw.headers["x-gateway-cache"], raw.headers.get("x-litellm-cache-key"), raw.parse()


def a_repeated_question_is_a_hit():
    state, key, first = cache_of(client(), **ask("again"))
    assert (state, key) == ("miss", None)
    state, key, second = cache_of(client(), **ask("again"))
    assert state == "exact" and key and second == first
    chunks = list(client().chat.completions.create(**ask("again", stream=True)))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == first.choices[0].message.content
    assert len(upstream()) == 1


def cache_controls_as_litellm_has_them():
    def state(cache):
        return cache_of(client(), **ask("l"), extra_body={"cache": cache, "metadata": {"trace_id": "t", "tags": ["a"]}})[0]

    states = [state({"no-store": True}), state({}), state({"ttl": 60}), state({"no-cache": True})]
    assert states == ["miss", "miss", "exact", "bypass"], states
    assert all(request["body"] == ask("l") for request in upstream())


def cache_controls_by_header():
    headers = {"x-gateway-cache": "only-if-cached"}
    raises(
        openai.InternalServerError,
        lambda: client().chat.completions.create(**ask("never"), extra_headers=headers),
        status_code=504,
        code="gateway_not_cached",
    )


def twenty_threads_make_one_upstream_call():
    fail({"type": "latency", "ms": 300})
    it = client()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: it.chat.completions.create(**ask("together")), range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert len(upstream()) == 1


def two_teams_are_apart():
    states = [cache_of(client(team), **ask("ours"))[0] for team in ("alpha", "beta", "alpha", "beta")]
    assert states == ["miss", "miss", "exact", "exact"], states


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
    for _ in range(100):
        if upstream()[0]["aborted"]:
            return
        time.sleep(0.05)
    raise AssertionError("upstream goes on")


def a_timeout_of_the_client_stops_upstream():
    fail({"type": "hang"})
    raises(openai.APITimeoutError, lambda: client(max_retries=0, timeout=0.5).chat.completions.create(**ask("slow")))


def two_hundred_streams_at_a_time():
    async def run():
        async with AsyncOpenAI(base_url=URL, api_key=os.environ["KEY_ALPHA"], timeout=60) as it:

            async def one(at):
                text = ""
                async for chunk in await it.chat.completions.create(**ask(f"stream {at}", stream=True)):
                    text += chunk.choices[0].delta.content or ""
                return text

            return await asyncio.gather(*(one(at) for at in range(200)))

    fail({"type": "slow", "chunkDelayMs": 5}, 200)
    texts = asyncio.run(run())
    assert len(upstream()) == 200
    control("/reset")
    for at in (0, 99, 199):
        assert texts[at] == direct.chat.completions.create(**ask(f"stream {at}")).choices[0].message.content


BEHAVIOURS = [
    chat,
    stream,
    stream_helper,
    tools,
    tools_streamed,
    structured_output,
    responses,
    responses_streamed,
    responses_parsed,
    embeddings,
    legacy_completions,
    models_and_moderations,
    a_repeated_question_is_a_hit,
    cache_controls_as_litellm_has_them,
    cache_controls_by_header,
    twenty_threads_make_one_upstream_call,
    two_teams_are_apart,
    errors_are_typed,
    a_broken_upstream_is_asked_again,
    a_limit_is_a_rate_limit_error_at_once,
    an_error_in_mid_stream_is_an_api_error,
    a_stream_that_breaks_off_is_an_error,
    who_leaves_in_mid_stream_stops_upstream,
    a_timeout_of_the_client_stops_upstream,
    two_hundred_streams_at_a_time,
]

failed = 0
for behaviour in BEHAVIOURS:
    control("/reset")
    name = behaviour.__name__.replace("_", " ")
    try:
        behaviour()
        print(f"ok - {name}")
    except Exception:
        failed += 1
        print(f"not ok - {name}")
        traceback.print_exc(file=sys.stdout)
print(f"openai {openai.__version__} on Python {sys.version.split()[0]}: {len(BEHAVIOURS) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
