"""What is answered from the cache, and what is said about it."""

from concurrent.futures import ThreadPoolExecutor

import openai

from kit import ask, cache_of, client, fail, raises, said, upstream


def a_repeated_question_is_a_hit():
    state, key, first = cache_of(client(), **ask("again"))
    assert (state, key) == ("miss", None)
    state, key, second = cache_of(client(), **ask("again"))
    assert state == "exact" and key and second == first
    assert said(client().chat.completions.create(**ask("again", stream=True))) == first.choices[0].message.content
    assert len(upstream()) == 1


def a_streamed_question_is_a_hit_whole():
    # With its usage: what upstream has not told a whole answer cannot tell, either.
    options = {"stream": True, "stream_options": {"include_usage": True}}
    streamed = said(client().chat.completions.create(**ask("first streamed", **options)))
    state, _, whole = cache_of(client(), **ask("first streamed"))
    assert (state, whole.choices[0].message.content) == ("exact", streamed), (state, whole, streamed)


def an_embedding_and_a_response_are_hits():
    for _ in range(2):
        client().embeddings.create(model="text-embedding-3-small", input="kept")
        client().responses.create(model="gpt-4o-mini", input="kept", store=False)
    assert len(upstream()) == 2


def cache_controls_as_litellm_has_them():
    def state(cache):
        return cache_of(client(), **ask("l"), extra_body={"cache": cache, "metadata": {"trace_id": "t", "tags": ["a"]}})[0]

    states = [state({"no-store": True}), state({}), state({"ttl": 60}), state({"no-cache": True})]
    assert states == ["miss", "miss", "exact", "bypass"], states
    assert all(request["body"] == ask("l") for request in upstream())


def namespaces_and_ages_as_litellm_has_them():
    def state(cache):
        return cache_of(client(), **ask("n"), extra_body={"cache": cache})[0]

    states = [state({"namespace": "a"}), state({"namespace": "a"}), state({"namespace": "b"}), state({"s-maxage": 0})]
    assert states == ["miss", "exact", "miss", "miss"], states


def fields_of_litellm_without_effect_are_named():
    body = {"num_retries": 3, "fallbacks": ["gpt-4o"], "mock_response": "x", "litellm_session_id": "s", "tags": ["t"]}
    raw = client().chat.completions.with_raw_response.create(**ask("fields"), extra_body=body)
    assert raw.headers["x-gateway-ignored"] == "num_retries, fallbacks, mock_response"
    assert upstream()[0]["body"] == ask("fields")


def headers_under_both_names():
    raw = client().chat.completions.with_raw_response.create(**ask("names"))
    assert raw.headers["x-litellm-call-id"] == raw.headers["x-gateway-call-id"]
    assert raw.headers["x-litellm-response-cost"] == raw.headers["x-gateway-cost-usd"]
    assert raw.headers["x-litellm-model-group"] == "gpt-4o-mini"
    assert float(raw.headers["x-gateway-cost-usd"]) > 0


def who_asks_may_be_said_by_header():
    headers = {"x-gateway-agent": "ai-customer", "x-gateway-session": "S-1", "x-gateway-tags": "%5B%22a%22%5D"}
    client().chat.completions.create(**ask("who"), extra_headers=headers)
    assert not [name for name in upstream()[0]["headers"] if "gateway" in name]


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
