/** What Langfuse calls things, and how calls of the gateway are written down there. */
export type Filter = {
  column: string
  type: 'string' | 'stringOptions' | 'stringObject'
  operator: string
  value: string | string[]
  key?: string
}

export type Widget = {
  name: string
  description: string
  view: 'observations' | 'scores-categorical' | 'scores-boolean'
  dimensions: { field: string }[]
  metrics: { measure: string; agg: string }[]
  filters: Filter[]
  chartType: string
  chartConfig: { type: string; row_limit?: number; defaultSort?: { column: string; order: 'ASC' | 'DESC' } }
}

/** A widget and its place on a grid of twelve columns. `key` names the place for good, whatever the widget is called. */
export type Tile = { key: string; at: [x: number, y: number, width: number, height: number]; widget: Widget }

export const DASHBOARD = {
  name: 'LLM gateway',
  description:
    'Cache hits, cost, latency, errors and escalations of every agent. User = team, trace name = agent, observation name = operation, score `cache` = how the answer was found.',
}

const scored = (name: string): Filter => ({ column: 'name', type: 'string', operator: '=', value: name })
/** What a view is about, before anything else is filtered. */
const ABOUT: Record<Widget['view'], Filter> = {
  observations: {
    column: 'type',
    type: 'stringOptions',
    operator: 'any of',
    value: ['GENERATION', 'EMBEDDING'],
  },
  // exact, semantic, flight, stale, miss or bypass.
  'scores-categorical': scored('cache'),
  // 1 or 0, for calls that asked a cache at all: the average is the hit rate.
  'scores-boolean': scored('cache_hit'),
}
const level = (...levels: string[]): Filter => ({
  column: 'level',
  type: 'stringOptions',
  operator: 'any of',
  value: levels,
})
/** Metadata can be filtered on, and only that. */
const metadata = (key: string, value: string): Filter => ({
  column: 'metadata',
  type: 'stringObject',
  key,
  operator: '=',
  value,
})

type Shape = {
  metrics: [measure: string, agg: string][]
  by?: string[]
  only?: Filter[]
  view?: Widget['view']
  rows?: number
  sort?: string
}

function widget(name: string, description: string, chartType: string, shape: Shape): Widget {
  const { metrics, by = [], only = [], view = 'observations', rows, sort } = shape
  return {
    name: `LLM gateway: ${name}`,
    description,
    view,
    dimensions: by.map((field) => ({ field })),
    metrics: metrics.map(([measure, agg]) => ({ measure, agg })),
    filters: [ABOUT[view], ...only],
    chartType,
    chartConfig: {
      type: chartType,
      ...(rows === undefined ? {} : { row_limit: rows }),
      ...(sort === undefined ? {} : { defaultSort: { column: sort, order: 'DESC' } }),
    },
  }
}

const count = (name: string, description: string, only: Filter[]) =>
  widget(name, description, 'NUMBER', { metrics: [['count', 'count']], only })
const latency = (agg: string) =>
  widget(`latency ${agg}`, 'Milliseconds from call to end of answer, cache hits among them.', 'NUMBER', {
    metrics: [['latency', agg]],
  })
const answers: [measure: string, agg: string][] = [['count', 'count']]

const hits = (name: string, description: string, chartType: string, shape: Partial<Shape> = {}) =>
  widget(name, description, chartType, { view: 'scores-boolean', metrics: [['value', 'avg']], ...shape })

export const TILES: Tile[] = [
  { key: 'calls', at: [0, 0, 3, 3], widget: count('calls', 'Everything that was asked.', []) },
  {
    key: 'cost',
    at: [3, 0, 3, 3],
    widget: widget('cost', 'US dollars that were really spent; hits cost nothing.', 'NUMBER', {
      metrics: [['totalCost', 'sum']],
    }),
  },
  {
    key: 'hit-rate',
    at: [6, 0, 3, 3],
    widget: hits('hit rate', 'Of calls that asked a cache: 0.5 is every other one.', 'NUMBER'),
  },
  { key: 'errors', at: [9, 0, 3, 3], widget: count('errors', 'Calls that failed.', [level('ERROR')]) },
  { key: 'p50', at: [0, 3, 3, 3], widget: latency('p50') },
  { key: 'p95', at: [3, 3, 3, 3], widget: latency('p95') },
  { key: 'p99', at: [6, 3, 3, 3], widget: latency('p99') },
  {
    key: 'escalated',
    at: [9, 3, 3, 3],
    widget: count('escalated calls', 'Calls sent to the larger model because of their length.', [
      metadata('route', 'escalated'),
    ]),
  },
  {
    key: 'cache-share',
    at: [0, 6, 4, 6],
    widget: widget('answers by cache', 'Exact and semantic hits, and the rest.', 'PIE', {
      view: 'scores-categorical',
      metrics: answers,
      by: ['stringValue'],
      rows: 10,
    }),
  },
  {
    key: 'cache-over-time',
    at: [4, 6, 8, 6],
    widget: widget('answers by cache over time', 'Answers by how they were found.', 'BAR_TIME_SERIES', {
      view: 'scores-categorical',
      metrics: answers,
      by: ['stringValue'],
    }),
  },
  {
    key: 'hit-rate-over-time',
    at: [0, 12, 6, 6],
    widget: hits('hit rate over time', 'Of calls that asked a cache.', 'LINE_TIME_SERIES'),
  },
  {
    key: 'hit-rate-by-agent',
    at: [6, 12, 6, 6],
    widget: hits('hit rate by agent', 'Of calls that asked a cache.', 'HORIZONTAL_BAR', {
      by: ['traceName'],
      rows: 50,
    }),
  },
  {
    key: 'cache-by-agent',
    at: [0, 18, 6, 6],
    widget: widget(
      'answers by agent and cache',
      'Answers of each agent by how they were found.',
      'PIVOT_TABLE',
      {
        view: 'scores-categorical',
        metrics: answers,
        by: ['traceName', 'stringValue'],
        rows: 100,
        sort: 'count_count',
      },
    ),
  },
  {
    key: 'latency-by-agent',
    at: [6, 18, 6, 6],
    widget: widget('latency by agent', 'Milliseconds: p50, p95 and p99 of each agent.', 'PIVOT_TABLE', {
      metrics: [
        ['count', 'count'],
        ['latency', 'p50'],
        ['latency', 'p95'],
        ['latency', 'p99'],
      ],
      by: ['traceName'],
      rows: 50,
      sort: 'p95_latency',
    }),
  },
  {
    key: 'cost-by-agent',
    at: [0, 24, 4, 6],
    widget: widget('cost by agent', 'US dollars.', 'HORIZONTAL_BAR', {
      metrics: [['totalCost', 'sum']],
      by: ['traceName'],
      rows: 50,
    }),
  },
  {
    key: 'cost-by-team',
    at: [4, 24, 4, 6],
    // Langfuse groups by user only with a limit of rows.
    widget: widget('cost by team', 'US dollars.', 'HORIZONTAL_BAR', {
      metrics: [['totalCost', 'sum']],
      by: ['userId'],
      rows: 20,
    }),
  },
  {
    key: 'cost-by-model',
    at: [8, 24, 4, 6],
    widget: widget('cost by model over time', 'US dollars.', 'AREA_TIME_SERIES', {
      metrics: [['totalCost', 'sum']],
      by: ['providedModelName'],
    }),
  },
  {
    key: 'p95-over-time',
    at: [0, 30, 6, 6],
    widget: widget('p95 over time', 'Milliseconds, by agent.', 'LINE_TIME_SERIES', {
      metrics: [['latency', 'p95']],
      by: ['traceName'],
    }),
  },
  {
    key: 'first-token',
    at: [6, 30, 6, 6],
    widget: widget(
      'first token p95 over time',
      'Milliseconds to the first token of streams.',
      'LINE_TIME_SERIES',
      {
        metrics: [['timeToFirstToken', 'p95']],
        by: ['traceName'],
      },
    ),
  },
  {
    key: 'errors-over-time',
    at: [0, 36, 6, 6],
    widget: widget(
      'errors over time',
      'Failed calls are errors; refused and aborted ones warnings.',
      'BAR_TIME_SERIES',
      {
        metrics: answers,
        by: ['level'],
        only: [level('ERROR', 'WARNING')],
      },
    ),
  },
  {
    key: 'errors-by-agent',
    at: [6, 36, 6, 6],
    widget: widget('errors by agent', 'Errors and warnings of each agent.', 'PIVOT_TABLE', {
      metrics: answers,
      by: ['traceName', 'level'],
      only: [level('ERROR', 'WARNING')],
      rows: 100,
      sort: 'count_count',
    }),
  },
  {
    key: 'escalations',
    at: [0, 42, 6, 6],
    widget: widget(
      'escalations over time',
      'Calls sent to the larger model because of their length, by agent.',
      'BAR_TIME_SERIES',
      {
        metrics: answers,
        by: ['traceName'],
        only: [metadata('route', 'escalated')],
      },
    ),
  },
  {
    key: 'failovers',
    at: [6, 42, 6, 6],
    widget: widget(
      'failovers over time',
      'Calls answered by the fallback model, by agent.',
      'BAR_TIME_SERIES',
      {
        metrics: answers,
        by: ['traceName'],
        only: [metadata('route', 'failover')],
      },
    ),
  },
]
