"""Clients, questions, and what is the matter upstream."""

import json
import os
import time
import urllib.request

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

URL = os.environ["GATEWAY_URL"]
MODEL = "gpt-4o-mini"
direct = OpenAI(base_url=os.environ["UPSTREAM_URL"], api_key=os.environ["UPSTREAM_KEY"])


def client(team="alpha", **options):
    return OpenAI(base_url=URL, api_key=os.environ[f"KEY_{team.upper()}"], **options)


def async_client(team="alpha", **options):
    return AsyncOpenAI(base_url=URL, api_key=os.environ[f"KEY_{team.upper()}"], **options)


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


def stopped():
    """Whether upstream was let go of, soon."""
    for _ in range(100):
        if upstream()[0]["aborted"]:
            return True
        time.sleep(0.05)
    return False


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


def said(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def cache_of(it, **body):
    raw = it.chat.completions.with_raw_response.create(**body)
    return raw.headers["x-gateway-cache"], raw.headers.get("x-litellm-cache-key"), raw.parse()
