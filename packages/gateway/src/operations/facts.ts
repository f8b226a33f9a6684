import type { Json, JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'

/** Families of OpenAI models that accept the same parameters. */
export type ModelFamily = 'gpt-5' | 'o' | 'plain'

/**
 * Facts about one API operation that more than one part of the gateway needs. How a part uses them is its own business:
 * how a stream is assembled is in `body/`, when an answer is complete in `cache-entry/completeness/`.
 */
export type OperationFacts = {
  /** Name in records, cache keys and metrics. */
  name: Operation
  /** Path below the version, as OpenAI's SDKs write it. */
  path: string
  /** Name in OpenTelemetry spans. Source: OpenTelemetry semantic conventions 1.37, "GenAI spans". */
  spanName: 'chat' | 'text_completion' | 'embeddings'
  /** Member of the policy's `routing` that names the model of a call without one; `undefined`: the call must name it. */
  routedBy: 'default' | 'embeddings' | undefined
  input: {
    /** Request member that holds the input. */
    member: 'messages' | 'input' | 'prompt'
    /**
     * `turns`: messages or items with roles; they may hold images, audio, files and results of tools.
     * `prompts`: one text or one list of tokens, or several of them.
     */
    kind: 'turns' | 'prompts'
    /** Request members that sinks show as the question. */
    question: readonly string[]
    /** Request members that offer tools. */
    tools: readonly string[]
    /** Whether an input of 0 tokens is possible. */
    mayBeEmpty: boolean
  }
  /** `message` and `text`: `choices`, each with this member. `items`: a list `output`. `vectors`: no text, never streamed. */
  output: 'message' | 'text' | 'items' | 'vectors'
  /** When a stream reports its usage: always, only if `stream_options` ask for it, or never as there are no streams. */
  usageInStream: 'always' | 'on-request' | 'never'
  requested: {
    /** Request members that limit output tokens. Upstream ignores other members of this kind. */
    outputLimits: readonly string[]
    /** Limit of a call without such a member, in tokens; `undefined`: the model's own limit. */
    defaultOutputLimit: number | undefined
    /** Request members that multiply the output: the number of answers to each input. */
    answerCounts: readonly string[]
    /** Returns the requested format of the answer, which may hold a JSON schema. */
    answerFormat: (body: JsonObject) => Json | undefined
    /** Whether `service_tier` applies. Without it a call is billed at the usual tier. */
    serviceTier: boolean
  }
  /** Whether upstream stores answers so that later requests can name them: unless, or only if, `store` says so. */
  storedUpstream: 'by-default' | 'on-request' | 'never'
  /** Whether the answer repeats members of the request. */
  echoesRequest: boolean
  /**
   * Tools that upstream runs and bills by the call. `counted`: `max_tool_calls` limits them and the output lists them.
   * `uncounted`: neither.
   */
  hostedTools: 'counted' | 'uncounted' | 'none'
  /** Request members that never change an answer. All others do, unknown ones included. */
  notInKey: ReadonlySet<string>
  /** Request members that a family of models refuses with status 400; `undefined`: none are known. */
  refusedBy: Readonly<Record<ModelFamily, readonly string[]>> | undefined
  /** Request member in which LiteLLM reads metadata. */
  litellmMetadata: 'metadata' | 'litellm_metadata'
}
