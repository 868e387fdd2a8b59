import { Button, CloseButton, Menu, Progress, Text } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { BulkEdit, Incident } from '../api/pending'
import { noticeDone, noticeError } from '../feedback/notices'
import { VerdictPicker } from '../incident/verdict-picker'
import { STATUSES, statusWord } from '../incident/words'
import { useOwnName } from '../people/people'
import { count } from '../time/format'
import { editAll, type BulkOutcome } from './bulk'
import classes from './queue.module.css'

interface Props {
  chosen: readonly Incident[]
  /** Opens and closes the choice of a verdict from outside, by the key `e`. */
  closing: boolean
  onClosing: (closing: boolean) => void
  onClear: () => void
}

/** What can be done to all that is selected. */
export function BulkBar({ chosen, closing, onClosing, onClear }: Props) {
  const [worked, setWorked] = useState<number | null>(null)
  const client = useQueryClient()
  const { own } = useOwnName()
  const run = async (edit: BulkEdit) => {
    setWorked(0)
    try {
      said(await editAll(chosen, edit, setWorked))
      onClear()
    } catch (error) {
      noticeError('Not all incidents were changed', error)
    } finally {
      setWorked(null)
      await client.invalidateQueries({ queryKey: ['incidents'] })
      await client.invalidateQueries({ queryKey: ['facets'] })
    }
  }
  const busy = worked !== null
  return (
    <div className={classes.bulk} role="region" aria-label="Selected incidents">
      <CloseButton size="sm" aria-label="Clear the selection" onClick={onClear} disabled={busy} />
      <Text fw={600}>{count(chosen.length)} selected</Text>
      {busy ? (
        <>
          <Progress value={(worked / chosen.length) * 100} w={160} aria-label="Progress" />
          <Text className="dim" role="status">
            {count(worked)} of {count(chosen.length)}
          </Text>
        </>
      ) : (
        <>
          <Button
            variant="default"
            disabled={!own}
            title={own ? undefined : 'Take one incident first: it asks your name'}
            onClick={() => void run({ assignee: own })}
          >
            Take (a)
          </Button>
          <Button variant="default" onClick={() => onClosing(true)}>
            Close… (e)
          </Button>
          <Menu>
            <Menu.Target>
              <Button variant="default">Status</Button>
            </Menu.Target>
            <Menu.Dropdown>
              {STATUSES.filter((status) => status !== 'new' && status !== 'closed').map((status) => (
                <Menu.Item key={status} onClick={() => void run({ status })}>
                  {statusWord(status)}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
          <Button variant="default" onClick={() => void run({ assignee: null })}>
            Give back
          </Button>
        </>
      )}
      <VerdictPicker
        opened={closing}
        what={`${count(chosen.length)} incidents`}
        onClose={() => onClosing(false)}
        onChoose={(verdict, reason) => void run({ status: 'closed', verdict, ...(reason ? { reason } : {}) })}
      />
    </div>
  )
}

function said({ done, failed }: BulkOutcome): void {
  if (done.length > 0) noticeDone(`${count(done.length)} incidents changed`)
  const [first] = failed
  if (first) {
    const rest = failed.length > 1 ? ` and ${count(failed.length - 1)} more` : ''
    noticeError(`${first.id}${rest}: not changed`, `${first.code}: ${first.hint}`)
  }
}
