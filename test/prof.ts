import OpenAI from 'openai'
import { createGatewayClient } from '@hotdash/llm-gateway'
const text = JSON.stringify({id:'c',object:'chat.completion',created:1,model:'gpt-4o-mini',choices:[{index:0,message:{role:'assistant',content:'x'.repeat(400),refusal:null},logprobs:null,finish_reason:'stop'}],usage:{prompt_tokens:250,completion_tokens:100,total_tokens:350}})
const f = async () => new Response(text, {headers:{'content-type':'application/json','x-request-id':'r'}})
const o = {apiKey:'k', baseURL:'http://127.0.0.1:1/v1', fetch: f as never}
const c = process.argv[2] === 'bare' ? new OpenAI(o) : createGatewayClient({...o, gateway:{agent:'support', quota:false}})
const prompt='The customer asks about order 1234. '.repeat(28)
const q={model:'gpt-4o-mini',messages:[{role:'user' as const,content:prompt}]}
for(let i=0;i<40000;i++) { await c.chat.completions.create(process.argv[3] ? {...q, seed: i} : q); if (i%50===0) await new Promise(r => setImmediate(r)) }
