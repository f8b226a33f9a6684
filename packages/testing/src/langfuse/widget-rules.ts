import { type Json, type JsonObject, list, object, text } from '../core/json.ts'

type View = { dimensions: string[]; measures: string[]; filters: string[] }

const OF_TRACE = ['environment', 'tags', 'userId', 'sessionId', 'traceName', 'traceRelease', 'traceVersion']
const OF_SCORE = [
  ...OF_TRACE,
  ...['name', 'source', 'dataType', 'observationName', 'configId', 'timestampMonth', 'timestampDay'],
]

/** Dimensions, measures and filters of each view of 4.16.0. Metadata is a filter only. */
const VIEWS: Record<string, View | undefined> = {
  observations: {
    dimensions: [
      ...OF_TRACE,
      ...['type', 'name', 'level', 'version', 'release', 'providedModelName', 'promptName', 'promptVersion'],
      ...['startTimeMonth', 'toolNames', 'calledToolNames', 'costType', 'usageType', 'experimentName'],
    ],
    measures: [
      ...[
        'count',
        'latency',
        'streamingLatency',
        'timeToFirstToken',
        'tokensPerSecond',
        'outputTokensPerSecond',
      ],
      ...['inputTokens', 'outputTokens', 'totalTokens', 'inputCost', 'outputCost', 'totalCost'],
      ...['costByType', 'usageByType', 'countScores', 'toolDefinitions', 'toolCalls'],
    ],
    filters: [
      ...OF_TRACE,
      ...['type', 'name', 'level', 'version', 'release', 'providedModelName', 'metadata'],
      ...['toolNames', 'calledToolNames', 'experimentName', 'isRootObservation'],
    ],
  },
  'scores-numeric': score(['value'], ['count', 'value'], 'value'),
  'scores-boolean': score(['booleanValue'], ['count', 'value'], 'booleanValue'),
  'scores-categorical': score(['stringValue'], ['count'], 'stringValue'),
}

function score(dimensions: string[], measures: string[], filter: string): View {
  return {
    dimensions: [...OF_SCORE, ...dimensions],
    measures,
    filters: [...OF_TRACE, 'name', 'source', 'dataType', 'observationName', 'metadata', filter],
  }
}

const AGGREGATIONS = 'sum avg count max min p50 p75 p90 p95 p99 histogram uniq'.split(' ')
const SERIES = ['LINE_TIME_SERIES', 'AREA_TIME_SERIES', 'BAR_TIME_SERIES']
const TOTALS = ['HORIZONTAL_BAR', 'VERTICAL_BAR', 'PIE', 'NUMBER', 'HISTOGRAM', 'PIVOT_TABLE']

/** Operators of each type of filter, and the check of its value. */
const FILTERS: Record<
  string,
  [operators: string[], value: (value: Json | undefined) => boolean] | undefined
> = {
  string: [['=', 'contains', 'does not contain', 'starts with', 'ends with'], isText],
  stringObject: [['=', 'contains', 'does not contain', 'starts with', 'ends with'], isText],
  number: [['=', '>', '<', '>=', '<='], (value) => typeof value === 'number'],
  numberObject: [['=', '>', '<', '>=', '<='], (value) => typeof value === 'number'],
  stringOptions: [['any of', 'none of'], isTexts],
  arrayOptions: [['any of', 'none of', 'all of'], isTexts],
  categoryOptions: [['any of', 'none of'], isTexts],
  boolean: [['=', '<>'], (value) => typeof value === 'boolean'],
  booleanObject: [['=', '<>'], (value) => typeof value === 'boolean'],
  null: [['is null', 'is not null'], (value) => value === ''],
  datetime: [['>', '<', '>=', '<='], (value) => !Number.isNaN(Date.parse(text(value)))],
}

function isText(value: Json | undefined): boolean {
  return typeof value === 'string'
}

function isTexts(value: Json | undefined): boolean {
  return list(value).length > 0 && list(value).every((each) => typeof each === 'string')
}

/** Returns why 4.16.0 would reject a widget; `undefined` where it accepts it. */
export function widgetProblem(widget: JsonObject): string | undefined {
  const view = Object.hasOwn(VIEWS, text(widget.view)) ? VIEWS[text(widget.view)] : undefined
  const chart = text(widget.chartType)
  if (text(widget.name) === '') return 'Widget name is required'
  if (view === undefined) return `Invalid view: ${JSON.stringify(widget.view)}`
  if (![...SERIES, ...TOTALS].includes(chart)) return `Invalid chartType: ${chart}`
  return (
    dimensionProblem(list(widget.dimensions), view, chart) ??
    metricProblem(list(widget.metrics), view, chart) ??
    firstOf(list(widget.filters), (filter) => filterProblem(object(filter), view)) ??
    configProblem(object(widget.chartConfig), chart)
  )
}

function dimensionProblem(dimensions: Json[], view: View, chart: string): string | undefined {
  const pivot = chart === 'PIVOT_TABLE'
  if (!pivot && dimensions.length > 1) return 'Only pivot table widgets can have multiple dimensions'
  if (dimensions.length > 2) return 'Pivot table widgets can have at most 2 dimensions'
  return firstOf(dimensions, (dimension) => {
    const field = text(object(dimension).field)
    return view.dimensions.includes(field) ? undefined : `Dimension "${field}" is not available`
  })
}

function metricProblem(metrics: Json[], view: View, chart: string): string | undefined {
  if (metrics.length === 0 || metrics.length > 10) return 'metrics: between 1 and 10 are needed'
  // All other charts draw the first metric and ignore the rest.
  if (chart !== 'PIVOT_TABLE' && metrics.length > 1) return 'Only pivot tables show more than one metric'
  return firstOf(metrics, (metric) => {
    const { measure, agg } = object(metric)
    if (!view.measures.includes(text(measure))) return `Measure "${text(measure)}" is not available`
    return AGGREGATIONS.includes(text(agg)) ? undefined : `Aggregation "${text(agg)}" is not valid`
  })
}

function filterProblem(filter: JsonObject, view: View): string | undefined {
  const { column, type, operator, value, key } = filter
  const known = Object.hasOwn(FILTERS, text(type)) ? FILTERS[text(type)] : undefined
  if (known === undefined) return `Invalid filter type: ${text(type)}`
  const [operators, right] = known
  if (!operators.includes(text(operator)) || !right(value)) return `Invalid filter on ${text(column)}`
  if (/Object$|^category/.test(text(type)) && text(key) === '') return `Filter on ${text(column)} needs a key`
  return view.filters.includes(text(column)) ? undefined : `Unsupported filter column: ${text(column)}`
}

function configProblem(config: JsonObject, chart: string): string | undefined {
  if ((config.type ?? chart) !== chart) return 'chartConfig.type must match chartType'
  const rows = config.row_limit
  if (rows === undefined) return undefined
  const right = typeof rows === 'number' && Number.isInteger(rows) && rows > 0 && rows <= 1000
  return right && TOTALS.includes(chart) ? undefined : 'Invalid chartConfig: row_limit'
}

function firstOf<Item>(items: Item[], problem: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item)
    if (found !== undefined) return found
  }
  return undefined
}
