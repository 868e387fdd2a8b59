import { Badge, Button, Group, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ProblemNote } from '../feedback/problem-note'
import { principalName, useNameOf } from '../people/people'
import { writeMessage, type DeskMessage, type WholeReport } from '../report/api'
import { Instant } from '../time/instant'
import classes from './moderation.module.css'

/** What was said to and by the reporter, and among those who decide. */
export function MessageList({ report, mayWrite }: { report: WholeReport; mayWrite: boolean }) {
  const client = useQueryClient()
  const [text, setText] = useState('')
  const write = useMutation({
    mutationFn: (internal: boolean) => writeMessage(report.id, { text: text.trim(), internal }),
    onSuccess: () => {
      setText('')
      void client.invalidateQueries({ queryKey: ['report', report.id] })
    },
  })
  return (
    <section aria-label="Messages" className={classes.messages}>
      <h3>Messages</h3>
      <ol className={classes.plain}>
        {report.messages.map((message) => (
          <Message key={message.id} message={message} />
        ))}
      </ol>
      {report.messages.length === 0 ? <p className="dim">Nothing was written yet.</p> : null}
      {mayWrite ? (
        <>
          <Textarea
            aria-label="Message"
            placeholder="To the reporter, or a note among those who decide"
            autosize
            minRows={2}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          {write.isError ? <ProblemNote error={write.error} what="It was not sent" /> : null}
          <Group gap="xs">
            <Button variant="default" disabled={!text.trim() || write.isPending} onClick={() => write.mutate(true)}>
              Keep as an internal note
            </Button>
            <Button variant="default" disabled={!text.trim() || write.isPending} onClick={() => write.mutate(false)}>
              Send to the reporter
            </Button>
          </Group>
        </>
      ) : null}
    </section>
  )
}

function Message({ message }: { message: DeskMessage }) {
  const name = useNameOf()
  const from = message.from === 'you' || message.from === 'reporter' ? 'the reporter' : null
  return (
    <li className={classes.message} data-internal={message.internal || undefined}>
      <span className="dim">
        {from ?? principalName(message.author ?? 'the team', name)} · <Instant ms={Date.parse(message.at)} />{' '}
        {message.internal ? <Badge>internal</Badge> : null}
      </span>
      <p className={classes.text}>{message.text}</p>
    </li>
  )
}
