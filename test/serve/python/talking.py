"""What is asked and answered: chat, streams, tools, structured output, Responses, embeddings."""

import openai

from kit import MODEL, TOOL, Verdict, ask, client, raises, same


def chat():
    answer = same(lambda it: it.chat.completions.create(**ask("What is the margin? 漢字 🙂")))
    assert answer.choices[0].message.content


def a_conversation():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    same(lambda it: it.chat.completions.create(model=MODEL, messages=messages, temperature=0, seed=7))


def several_answers_with_their_probabilities():
    answer = same(lambda it: it.chat.completions.create(**ask("several", n=2, logprobs=True, top_logprobs=1)))
    assert len(answer.choices) == 2 and answer.choices[1].logprobs.content


def a_refusal_of_the_model():
    assert same(lambda it: it.chat.completions.create(**ask("[refuse] this"))).choices[0].message.refusal


def no_model_or_auto():
    assert client().chat.completions.create(**{**ask("any"), "model": "auto"}).model == MODEL


def a_long_question_is_answered_by_the_larger_model():
    assert client().chat.completions.create(**ask("a long story about returns. " * 900)).model == "gpt-4o"


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


def a_stream_as_raw_lines():
    with client().chat.completions.with_streaming_response.create(**ask("raw", stream=True)) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert [line for line in raw.iter_lines() if line][-1] == "data: [DONE]"


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


def tools_in_parallel():
    stock = {"type": "function", "function": {**TOOL["function"], "name": "stock"}}
    answer = same(lambda it: it.chat.completions.create(**ask("use weather and stock", tools=[TOOL, stock])))
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["weather", "stock"]


def structured_output():
    answer = same(lambda it: it.chat.completions.parse(**ask("judge"), response_format=Verdict))
    assert isinstance(answer.choices[0].message.parsed, Verdict)


def structured_output_streamed():
    def run(it):
        with it.chat.completions.stream(**ask("judge, in a stream"), response_format=Verdict) as events:
            for _ in events:
                pass
            return events.get_final_completion().choices[0].message.parsed

    assert isinstance(same(run), Verdict)


def arguments_of_a_tool_parsed():
    tool = openai.pydantic_function_tool(Verdict, name="judge")
    answer = same(lambda it: it.chat.completions.parse(**ask("use judge", tools=[tool])))
    assert isinstance(answer.choices[0].message.tool_calls[0].function.parsed_arguments, Verdict)


def a_json_object():
    same(lambda it: it.chat.completions.create(**ask("as JSON", response_format={"type": "json_object"})))


def responses():
    answer = same(lambda it: it.responses.create(model=MODEL, input="What now?"))
    assert answer.output_text


def responses_streamed():
    events = same(lambda it: list(it.responses.create(model=MODEL, input="What then?", stream=True)))
    assert events[-1].type == "response.completed"


def responses_parsed():
    answer = same(lambda it: it.responses.parse(model=MODEL, input="judge this", text_format=Verdict))
    assert isinstance(answer.output_parsed, Verdict)


def responses_with_tools():
    tool = {"type": "function", "name": "weather", "strict": False, "parameters": TOOL["function"]["parameters"]}
    answer = same(lambda it: it.responses.create(model=MODEL, input="use weather", tools=[tool], store=False))
    assert any(item.type == "function_call" for item in answer.output)


def a_response_that_goes_on_with_another():
    first = client().responses.create(model=MODEL, input="remember 17")
    following = {"model": MODEL, "input": "what was it?", "previous_response_id": first.id}
    assert client().responses.create(**following).status == "completed"


def embeddings():
    answer = same(lambda it: it.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=8))
    assert len(answer.data[1].embedding) == 8


def embeddings_as_floats():
    same(
        lambda it: it.embeddings.create(
            model="text-embedding-3-small", input="one", dimensions=4, encoding_format="float"
        )
    )


def legacy_completions():
    same(lambda it: it.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once upon a time"))


def legacy_completions_streamed():
    request = {"model": "gpt-3.5-turbo-instruct", "prompt": "Twice upon a time", "stream": True}
    assert "".join(chunk.choices[0].text for chunk in same(lambda it: list(it.completions.create(**request))))


def models_and_moderations():
    assert [model.id for model in client("beta").models.list()] == [MODEL]
    assert client("beta").models.retrieve(MODEL).id == MODEL
    raises(openai.NotFoundError, lambda: client("beta").models.retrieve("gpt-4o"), code="model_not_found")
    assert same(lambda it: it.moderations.create(input="kind words")).results[0].flagged is False
