import { useEffect, useState } from 'react'
import { utc } from '../time/format'
import classes from './contain.module.css'
import { clock, countdown } from './words'

const TICK_MS = 1_000

/** The time, each second: a countdown that stands still for a quarter of a minute looks broken. */
export function useSecond(): number {
  const [now_ms, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS)
    return () => clearInterval(timer)
  }, [])
  return now_ms
}

/** `in 1 h 12 min (16:20)`. */
export function Countdown({ at, brief = false }: { at: string; brief?: boolean }) {
  const now_ms = useSecond()
  const at_ms = Date.parse(at)
  const left = countdown(at_ms, now_ms)
  return (
    <time className={classes.timer} dateTime={at} title={utc(at_ms)}>
      {at_ms > now_ms ? (brief ? left : `in ${left}`) : left}
      {brief ? null : ` (${clock(at_ms, now_ms)})`}
    </time>
  )
}
