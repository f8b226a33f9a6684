"""The same, asynchronously."""

import asyncio

import openai

from kit import MODEL, TOOL, Verdict, ask, async_client, control, direct, fail, upstream


def a_whole_agent_asynchronously():
    async def run():
        async with async_client() as it:
            calls = [
                it.chat.completions.create(**ask("a")),
                it.chat.completions.create(**ask("use weather", tools=[TOOL])),
                it.chat.completions.parse(**ask("judge"), response_format=Verdict),
                it.responses.create(model=MODEL, input="r", store=False),
                it.embeddings.create(model="text-embedding-3-small", input=["a"], dimensions=4),
            ]
            return await asyncio.gather(*calls)

    chat, tool, parsed, response, vectors = asyncio.run(run())
    assert chat == direct.chat.completions.create(**ask("a"))
    assert tool.choices[0].message.tool_calls[0].function.name == "weather"
    assert isinstance(parsed.choices[0].message.parsed, Verdict)
    assert response.output_text and len(vectors.data[0].embedding) == 4


def errors_asynchronously():
    async def code_of(call):
        try:
            await call
        except openai.APIStatusError as error:
            return type(error).__name__, error.code
        return None

    async def run():
        async with async_client("beta", max_retries=0) as it, async_client("poor", max_retries=0) as poor:
            return await asyncio.gather(
                code_of(it.chat.completions.create(**{**ask("x"), "model": "gpt-4o"})),
                code_of(poor.chat.completions.create(**ask("dear"))),
            )

    assert asyncio.run(run()) == [
        ("PermissionDeniedError", "gateway_model_not_allowed"),
        ("RateLimitError", "gateway_daily_usd_exceeded"),
    ]


def fifty_who_ask_at_one_time():
    async def run():
        async with async_client() as it:
            return await asyncio.gather(*(it.chat.completions.create(**ask("at one time")) for _ in range(50)))

    fail({"type": "latency", "ms": 300})
    answers = asyncio.run(run())
    assert all(answer == answers[0] for answer in answers)
    assert len(upstream()) == 1


def who_is_cancelled_leaves_the_others_alone():
    async def run():
        async with async_client() as it:
            tasks = [asyncio.create_task(it.chat.completions.create(**ask("cancelled"))) for _ in range(5)]
            await asyncio.sleep(0.2)
            for task in tasks[:4]:
                task.cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    fail({"type": "latency", "ms": 1000})
    outcomes = asyncio.run(run())
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[:4])
    assert outcomes[4].choices and len(upstream()) == 1


def two_hundred_streams_at_a_time():
    async def run():
        async with async_client(timeout=60) as it:

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
