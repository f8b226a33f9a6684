/** A filter of Langfuse's widgets. */
export type Filter = {
  column: string
  type: 'string' | 'stringOptions' | 'stringObject'
  operator: string
  value: string | string[]
  key?: string
}

/** A widget, as Langfuse's API takes it. */
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

/** A widget and its position on a grid of 12 columns. `key` identifies the placement, also after a change of name. */
export type Tile = {
  key: string
  position: [x: number, y: number, width: number, height: number]
  widget: Widget
}

export const DASHBOARD = {
  name: 'LLM gateway',
  description:
    'Cache hits, cost, latency, errors and escalations of every agent. User = team, trace name = agent, observation name = operation, score `cache` = result of the caches.',
}

const scoreNamed = (name: string): Filter => ({ column: 'name', type: 'string', operator: '=', value: name })
/** Filter of every widget of a view. */
const BASE_FILTERS: Record<Widget['view'], Filter> = {
  observations: {
    column: 'type',
    type: 'stringOptions',
    operator: 'any of',
    value: ['GENERATION', 'EMBEDDING'],
  },
  // Values: exact, semantic, flight, stale, miss, bypass.
  'scores-categorical': scoreNamed('cache'),
  // 1 or 0 for calls with a cache on; the average is the hit rate.
  'scores-boolean': scoreNamed('cache_hit'),
}
const level = (...levels: string[]): Filter => ({
  column: 'level',
  type: 'stringOptions',
  operator: 'any of',
  value: levels,
})
/** Langfuse can filter on metadata, but not group by it. */
const metadata = (key: string, value: string): Filter => ({
  column: 'metadata',
  type: 'stringObject',
  key,
  operator: '=',
  value,
})

/** What a widget shows. `by`: dimensions; `only`: further filters; `rows`: limit; `sort`: column, descending. */
type WidgetQuery = {
  metrics: [measure: string, agg: string][]
  by?: string[]
  only?: Filter[]
  view?: Widget['view']
  rows?: number
  sort?: string
}

function widget(name: string, description: string, chartType: string, query: WidgetQuery): Widget {
  const { metrics, by = [], only = [], view = 'observations', rows, sort } = query
  return {
    name: `LLM gateway: ${name}`,
    description,
    view,
    dimensions: by.map((field) => ({ field })),
    metrics: metrics.map(([measure, agg]) => ({ measure, agg })),
    filters: [BASE_FILTERS[view], ...only],
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
  widget(`latency ${agg}`, 'Milliseconds from call to end of answer, cache hits included.', 'NUMBER', {
    metrics: [['latency', agg]],
  })
const COUNT: [measure: string, agg: string][] = [['count', 'count']]

const hits = (name: string, description: string, chartType: string, query: Partial<WidgetQuery> = {}) =>
  widget(name, description, chartType, { view: 'scores-boolean', metrics: [['value', 'avg']], ...query })

export const TILES: Tile[] = [
  { key: 'calls', position: [0, 0, 3, 3], widget: count('calls', 'All calls.', []) },
  {
    key: 'cost',
    position: [3, 0, 3, 3],
    widget: widget('cost', 'US dollars spent; cache hits cost nothing.', 'NUMBER', {
      metrics: [['totalCost', 'sum']],
    }),
  },
  {
    key: 'hit-rate',
    position: [6, 0, 3, 3],
    widget: hits('hit rate', 'Share of hits among calls with a cache on: 0.5 is every other one.', 'NUMBER'),
  },
  { key: 'errors', position: [9, 0, 3, 3], widget: count('errors', 'Calls that failed.', [level('ERROR')]) },
  { key: 'p50', position: [0, 3, 3, 3], widget: latency('p50') },
  { key: 'p95', position: [3, 3, 3, 3], widget: latency('p95') },
  { key: 'p99', position: [6, 3, 3, 3], widget: latency('p99') },
  {
    key: 'escalated',
    position: [9, 3, 3, 3],
    widget: count('escalated calls', 'Calls sent to the larger model because of their length.', [
      metadata('route', 'escalated'),
    ]),
  },
  {
    key: 'cache-share',
    position: [0, 6, 4, 6],
    widget: widget('answers by cache', 'Exact and semantic hits, and the rest.', 'PIE', {
      view: 'scores-categorical',
      metrics: COUNT,
      by: ['stringValue'],
      rows: 10,
    }),
  },
  {
    key: 'cache-over-time',
    position: [4, 6, 8, 6],
    widget: widget('answers by cache over time', 'Answers by cache result.', 'BAR_TIME_SERIES', {
      view: 'scores-categorical',
      metrics: COUNT,
      by: ['stringValue'],
    }),
  },
  {
    key: 'hit-rate-over-time',
    position: [0, 12, 6, 6],
    widget: hits('hit rate over time', 'Share of hits among calls with a cache on.', 'LINE_TIME_SERIES'),
  },
  {
    key: 'hit-rate-by-agent',
    position: [6, 12, 6, 6],
    widget: hits('hit rate by agent', 'Share of hits among calls with a cache on.', 'HORIZONTAL_BAR', {
      by: ['traceName'],
      rows: 50,
    }),
  },
  {
    key: 'cache-by-agent',
    position: [0, 18, 6, 6],
    widget: widget('answers by agent and cache', 'Answers of each agent by cache result.', 'PIVOT_TABLE', {
      view: 'scores-categorical',
      metrics: COUNT,
      by: ['traceName', 'stringValue'],
      rows: 100,
      sort: 'count_count',
    }),
  },
  {
    key: 'latency-by-agent',
    position: [6, 18, 6, 6],
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
    position: [0, 24, 4, 6],
    widget: widget('cost by agent', 'US dollars.', 'HORIZONTAL_BAR', {
      metrics: [['totalCost', 'sum']],
      by: ['traceName'],
      rows: 50,
    }),
  },
  {
    key: 'cost-by-team',
    position: [4, 24, 4, 6],
    // Langfuse groups by user only with a row limit.
    widget: widget('cost by team', 'US dollars.', 'HORIZONTAL_BAR', {
      metrics: [['totalCost', 'sum']],
      by: ['userId'],
      rows: 20,
    }),
  },
  {
    key: 'cost-by-model',
    position: [8, 24, 4, 6],
    widget: widget('cost by model over time', 'US dollars.', 'AREA_TIME_SERIES', {
      metrics: [['totalCost', 'sum']],
      by: ['providedModelName'],
    }),
  },
  {
    key: 'p95-over-time',
    position: [0, 30, 6, 6],
    widget: widget('p95 over time', 'Milliseconds, by agent.', 'LINE_TIME_SERIES', {
      metrics: [['latency', 'p95']],
      by: ['traceName'],
    }),
  },
  {
    key: 'first-token',
    position: [6, 30, 6, 6],
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
    position: [0, 36, 6, 6],
    widget: widget(
      'errors over time',
      'Failed calls are errors; refused and aborted ones warnings.',
      'BAR_TIME_SERIES',
      {
        metrics: COUNT,
        by: ['level'],
        only: [level('ERROR', 'WARNING')],
      },
    ),
  },
  {
    key: 'errors-by-agent',
    position: [6, 36, 6, 6],
    widget: widget('errors by agent', 'Errors and warnings of each agent.', 'PIVOT_TABLE', {
      metrics: COUNT,
      by: ['traceName', 'level'],
      only: [level('ERROR', 'WARNING')],
      rows: 100,
      sort: 'count_count',
    }),
  },
  {
    key: 'escalations',
    position: [0, 42, 6, 6],
    widget: widget(
      'escalations over time',
      'Calls sent to the larger model because of their length, by agent.',
      'BAR_TIME_SERIES',
      {
        metrics: COUNT,
        by: ['traceName'],
        only: [metadata('route', 'escalated')],
      },
    ),
  },
  {
    key: 'failovers',
    position: [6, 42, 6, 6],
    widget: widget(
      'failovers over time',
      'Calls answered by the fallback model, by agent.',
      'BAR_TIME_SERIES',
      {
        metrics: COUNT,
        by: ['traceName'],
        only: [metadata('route', 'failover')],
      },
    ),
  },
]
