import OpenAI from 'openai'
import { createGatewayClient } from '@hotdash/llm-gateway'
const text = JSON.stringify({id:'c',object:'chat.completion',created:1,model:'gpt-4o-mini',choices:[{index:0,message:{role:'assistant',content:'x'.repeat(400),refusal:null},logprobs:null,finish_reason:'stop'}],usage:{prompt_tokens:250,completion_tokens:100,total_tokens:350}})
const f = async () => new Response(text, {headers:{'content-type':'application/json','x-request-id':'r'}})
const c = createGatewayClient({apiKey:'k', baseURL:'http://127.0.0.1:1/v1', fetch: f as never, gateway:{agent:'support', quota:false}})
const bare = new OpenAI({apiKey:'k', baseURL:'http://127.0.0.1:1/v1', fetch: f as never})
const prompt='The customer asks about order 1234. '.repeat(28)
const body = JSON.stringify({model:'gpt-4o-mini',messages:[{role:'user',content:prompt}]})
let captured: RequestInit | undefined
const spy = c.withOptions({fetch: (async (u: string, i: RequestInit) => { captured = i; return f() }) as never})
await spy.chat.completions.create({model:'gpt-4o-mini',messages:[{role:'user',content:'spy'}]})
const fetchOf = (x: OpenAI) => (x as unknown as {fetch: typeof fetch}).fetch
async function time(name: string, fn: () => Promise<unknown>, n = 20000) { for (let i=0;i<3000;i++) await fn(); const t=performance.now(); for(let i=0;i<n;i++) await fn(); console.log(name.padEnd(30), ((performance.now()-t)*1000/n).toFixed(1),'µs') }
const init = () => ({...captured, body, signal: new AbortController().signal})
for (let r=0;r<2;r++) {
await time('in-memory fetch', async () => { init(); await f() })
await time('gateway fetch, hit', () => fetchOf(c)('http://127.0.0.1:1/v1/chat/completions', init()))
await time('bare create', () => bare.chat.completions.create({model:'gpt-4o-mini',messages:[{role:'user',content:prompt}]}))
await time('gateway create, hit', () => c.chat.completions.create({model:'gpt-4o-mini',messages:[{role:'user',content:prompt}]}))
}
const many = async () => new Response(text, {headers:{'content-type':'application/json','x-request-id':'r', ...Object.fromEntries(Array.from({length:9},(_, i)=>['x-gateway-name'+i,'value'+i]))}})
const bareMany = new OpenAI({apiKey:'k', baseURL:'http://127.0.0.1:1/v1', fetch: many as never})
await time('bare create, 11 headers', () => bareMany.chat.completions.create({model:'gpt-4o-mini',messages:[{role:'user',content:prompt}]}))
const marked = new OpenAI({apiKey:'k', baseURL:'http://127.0.0.1:1/v1', fetch: f as never})
const k = Symbol('x')
Object.defineProperty(marked, 'prepareOptions', {value(o: {fetchOptions?: object}) { o.fetchOptions = {...o.fetchOptions, [k]: () => 1}; return Promise.resolve() }})
await time('bare create, marked', () => marked.chat.completions.create({model:'gpt-4o-mini',messages:[{role:'user',content:prompt}]}))
