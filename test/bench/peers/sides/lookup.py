"""Lookups in a cache of Python: reads {"from", "calls"} a line, and writes what was found, and how long it took."""

import asyncio
import json
import sys
import time
from urllib.parse import urlparse

peer, data, redis = sys.argv[1:4]
with open(data, encoding="utf8") as file:
    questions = json.load(file)


def gptcache():
    import numpy
    from gptcache import Cache, Config
    from gptcache.adapter.api import get, put
    from gptcache.manager import CacheBase, VectorBase, get_data_manager
    from gptcache.processor.pre import get_prompt
    from gptcache.similarity_evaluation import SearchDistanceEvaluation

    vectors = {}
    for each in questions:
        vectors[each["stored"]] = numpy.array(each["storedVector"], dtype="float32")
        vectors[each["asked"]] = numpy.array(each["askedVector"], dtype="float32")
    cache = Cache()
    manager = get_data_manager(
        CacheBase("sqlite", sql_url="sqlite:///:memory:"),
        VectorBase("faiss", dimension=len(questions[0]["storedVector"]), index_path=":memory:"),
    )
    cache.init(
        pre_embedding_func=get_prompt,
        embedding_func=lambda text, **_: vectors[text],
        data_manager=manager,
        similarity_evaluation=SearchDistanceEvaluation(),
        config=Config(similarity_threshold=0.8),
    )
    for at, each in enumerate(questions):
        put(each["stored"], f"answer {at}", cache_obj=cache)

    async def ask(at):
        return get(questions[at]["asked"], cache_obj=cache)

    return ask


async def betterdb():
    import valkey.asyncio as valkey
    from betterdb_agent_cache import AgentCache, TierDefaults
    from betterdb_agent_cache.types import AgentCacheOptions

    where = urlparse(redis)
    client = valkey.Valkey(host=where.hostname, port=where.port)
    cache = AgentCache(AgentCacheOptions(client=client, tier_defaults={"llm": TierDefaults(ttl=3600)}))

    def params(at):
        return {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": questions[at]["stored"]}],
            "temperature": 0,
        }

    for at in range(len(questions)):
        await cache.llm.store(params(at), f"answer {at}")

    async def ask(at):
        result = await cache.llm.check(params(at))
        return result.response if result.hit else None

    return ask


async def main():
    ask = gptcache() if peer == "gptcache" else await betterdb()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        found = {"times": [], "right": 0, "wrong": 0}
        for at in range(order["from"], order["from"] + order["calls"]):
            start = time.perf_counter()
            answer = await ask(at)
            found["times"].append((time.perf_counter() - start) * 1_000_000)
            if answer == f"answer {at}":
                found["right"] += 1
            elif answer is not None:
                found["wrong"] += 1
        print(json.dumps(found), flush=True)


asyncio.run(main())
