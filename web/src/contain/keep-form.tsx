import { Button, Group, Select } from '@mantine/core'
import { useState } from 'react'
import type { Containment } from './api'
import classes from './contain.module.css'
import { ReasonForm } from './reason-form'
import { KEEP_TIMES, NO_END } from './words'

interface Props {
  containment: Containment
  asked: boolean
  busy: boolean
  onAsk: () => void
  onLeave: () => void
  /** For how many minutes from now on; none for no end. */
  onKeep: (minutes: number | undefined, reason: string) => void
}

/** Another end for what is in effect: what was stopped is not given back while its cause is still there. */
export function KeepForm({ containment: { can }, asked, busy, onAsk, onLeave, onKeep }: Props) {
  const times = KEEP_TIMES.filter(({ own }) => own || can.keep_for_good)
  const [time, setTime] = useState(String(times[0]?.minutes))
  if (!asked)
    return (
      <Group gap="xs">
        <Button variant="default" className={classes.deed} onClick={onAsk}>
          Keep it for longer…
        </Button>
      </Group>
    )
  return (
    <ReasonForm
      label="Why is it kept?"
      description={can.keep_for_good ? undefined : 'You asked for it: on more than a day somebody else decides.'}
      word="Keep it"
      busy={busy}
      onLeave={onLeave}
      onReason={(reason) => onKeep(time === NO_END ? undefined : Number(time), reason)}
    >
      <Select
        label="For how long, from now on?"
        allowDeselect={false}
        data={times.map(({ minutes, words }) => ({ value: String(minutes), label: words }))}
        value={time}
        onChange={(value) => setTime(value ?? String(times[0]?.minutes))}
        mb="xs"
      />
    </ReasonForm>
  )
}
