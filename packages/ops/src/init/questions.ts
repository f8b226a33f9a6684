import { type Answers, EXAMPLE } from '../deployment/answers.ts'

/** One thing that `init` asks. */
export type Question = {
  answer: keyof Answers
  /** Option of the command line, without the dashes. */
  option: string
  text: string
  /** The answer where none is given; `undefined`: it must be given. */
  byDefault: (given: Partial<Answers>) => string | undefined
  pattern: RegExp
  hint: string
}

const NAME = /^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/
const HOST = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/
const ADDRESS = /^[\w.-]+:\d{2,5}$/

const question = (
  answer: keyof Answers,
  text: string,
  pattern: RegExp,
  hint: string,
  byDefault: Question['byDefault'] = () => EXAMPLE[answer],
): Question => ({
  answer,
  option: answer.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  text,
  byDefault,
  pattern,
  hint,
})

/** Questions in the order in which they are asked; a default may follow from earlier answers. */
export const QUESTIONS: Question[] = [
  question(
    'supabaseRef',
    "Supabase's project id, from the project's address",
    /^[a-z]{20}$/,
    '20 lower-case letters',
    () => undefined,
  ),
  question(
    'adminEmail',
    "E-mail address of Langfuse's first administrator",
    EMAIL,
    'an e-mail address',
    () => undefined,
  ),
  question(
    'alertEmail',
    'E-mail address that gets alerts',
    EMAIL,
    'an e-mail address',
    ({ adminEmail }) => adminEmail,
  ),
  question(
    'alertFrom',
    'E-mail address that alerts are sent from, which the mail server must accept',
    EMAIL,
    'an e-mail address',
    ({ adminEmail }) => adminEmail,
  ),
  question('organisation', 'Fly organisation', NAME, 'its short name, from fly orgs list'),
  question('region', 'Fly region', /^[a-z]{3}$/, 'three letters, from fly platform regions'),
  question('gatewayApp', 'Fly app of the gateway', NAME, 'lower-case letters, digits and dashes'),
  question('langfuseApp', 'Fly app of Langfuse', NAME, 'lower-case letters, digits and dashes'),
  question('redisName', 'Fly Redis that the agents share', NAME, 'lower-case letters, digits and dashes'),
  question('gatewayHost', 'host name of the gateway', HOST, 'a host name'),
  question('langfuseHost', 'host name of Langfuse', HOST, 'a host name'),
  question(
    'profile',
    'profile of Langfuse: thin (v2) or current (v4)',
    /^(thin|current)$/,
    'thin or current',
  ),
  question(
    'supabaseDirect',
    'direct connection to Postgres',
    ADDRESS,
    'host:port',
    ({ supabaseRef }) => `db.${supabaseRef}.supabase.co:5432`,
  ),
  question('supabasePooled', "transaction pooler, from the project's settings", ADDRESS, 'host:port'),
  question(
    'langfuseDbUser',
    "Langfuse's role as the pooler names it",
    /^langfuse_app(\.\w+)?$/,
    'langfuse_app.PROJECT',
    ({ supabaseRef }) => `langfuse_app.${supabaseRef}`,
  ),
  question(
    'vault',
    'path of the vault, from the folder on',
    /^[\w./-]+\.(json|age)$/,
    'a path that ends in .json or .age',
  ),
]
