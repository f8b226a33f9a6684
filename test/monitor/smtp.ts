import type { AddressInfo } from 'node:net'
import { type ParsedMail, simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'

/** `hang`: sends no greeting. `greylist`: 451 at RCPT. `refuse`: 550 at RCPT. `slow`: answers after `slowMs`. */
export type SmtpMood = 'accept' | 'hang' | 'greylist' | 'refuse' | 'slow'

export type TestSmtp = {
  url: string
  mails: ParsedMail[]
  /** Attempts that the mood refused. */
  refusals: () => number
  become: (mood: SmtpMood) => void
  /** Called after a mail was accepted, and before the server says so. */
  onAccepted: (hook: (mail: ParsedMail) => void) => void
  close: () => Promise<void>
}

/** Starts a real SMTP server on loopback, with a login. */
export async function startSmtp(slowMs = 300): Promise<TestSmtp> {
  const mails: ParsedMail[] = []
  let mood: SmtpMood = 'accept'
  let refusals = 0
  let hook: (mail: ParsedMail) => void = () => undefined
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    closeTimeout: 100,
    onAuth({ username, password }, _session, done) {
      if (username === 'monitor' && password === 'p@ss') done(null, { user: username })
      else done(new Error('wrong password'))
    },
    onConnect(_session, done) {
      if (mood !== 'hang') done()
    },
    onRcptTo(_address, _session, done) {
      if (mood !== 'greylist' && mood !== 'refuse') return done()
      refusals += 1
      const responseCode = mood === 'greylist' ? 451 : 550
      done(Object.assign(new Error('come back later'), { responseCode }))
    },
    onData(stream, _session, done) {
      simpleParser(stream).then(
        (mail) => {
          mails.push(mail)
          hook(mail)
          setTimeout(done, mood === 'slow' ? slowMs : 0)
        },
        (error: Error) => done(error),
      )
    },
  })
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', () => resolve()))
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://monitor:p%40ss@127.0.0.1:${port}`,
    mails,
    refusals: () => refusals,
    become(next) {
      mood = next
    },
    onAccepted(next) {
      hook = next
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
