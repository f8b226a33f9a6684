import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { expect, test } from 'vitest'
import { exportFromProtobuf } from './otlp-protobuf.ts'
import { setup } from './test-setup.ts'

test("a gzipped export of OpenTelemetry's exporter in protobuf is decoded", async () => {
  const { langfuse } = await setup()
  const exporter = new OTLPTraceExporter({
    url: `${langfuse.baseURL}/api/public/otel/v1/traces`,
    headers: { authorization: `Basic ${btoa(`${langfuse.publicKey}:${langfuse.secretKey}`)}` },
    compression: 'gzip' as never,
  })
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const started = Date.now() - 250
  const span = provider.getTracer('test').startSpan('chat', { startTime: started })
  span.setAttributes({
    'langfuse.observation.type': 'generation',
    'langfuse.observation.model.name': 'gpt-4o-mini',
    'langfuse.observation.usage_details': '{"input":1000,"output":200}',
    'langfuse.observation.metadata.similarity': 0.93,
    'langfuse.observation.metadata.age': -86_400_000,
    'langfuse.observation.metadata.hit': true,
    'langfuse.trace.name': 'né 日本 🙂',
    'langfuse.trace.tags': ['a', 'b'],
  })
  span.setStatus({ code: 2, message: 'broken' })
  span.end(started + 250)
  await provider.forceFlush()
  await provider.shutdown()
  const { traceId, spanId } = span.spanContext()
  expect(langfuse.malformed).toEqual([])
  expect(langfuse.requests[0]?.headers['content-type']).toBe('application/x-protobuf')
  expect(langfuse.observations.get(spanId)).toMatchObject({
    traceId,
    name: 'chat',
    type: 'GENERATION',
    level: 'ERROR',
    statusMessage: 'broken',
    startTime: new Date(started).toISOString(),
    endTime: new Date(started + 250).toISOString(),
    metadata: { similarity: 0.93, age: -86_400_000, hit: true },
    tokens: { input: 1000, output: 200, total: 1200 },
    costUsd: 0.00027,
  })
  expect(langfuse.traces.get(traceId)).toMatchObject({ name: 'né 日本 🙂', tags: ['a', 'b'] })
})

test('a body that is no protobuf is rejected', async () => {
  const { langfuse, post } = await setup()
  expect(() => exportFromProtobuf(Buffer.from('{"resourceSpans":[]}'))).toThrow(RangeError)
  expect(() => exportFromProtobuf(Buffer.from([10, 200]))).toThrow(RangeError)
  const headers = { 'content-type': 'application/x-protobuf' }
  expect((await post('/api/public/otel/v1/traces', '{}', { headers })).status).toBe(400)
  expect(langfuse.malformed).toHaveLength(1)
})
