import { Tooltip } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import { follow, type Change } from '../api/stream'
import classes from './live.module.css'

type LiveState = 'connecting' | 'live' | 'waiting'

/** Hands on what the server streams. */
export class Live {
  state: LiveState = 'connecting'
  private readonly listeners = new Set<(change: Change | null) => void>()
  private readonly watchers = new Set<() => void>()

  /** `null`: some changes were missed. */
  listen(listener: (change: Change | null) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  emit(change: Change | null): void {
    for (const listener of this.listeners) listener(change)
  }

  become(state: LiveState): void {
    this.state = state
    for (const watcher of this.watchers) watcher()
  }
}

const Context = createContext<Live | null>(null)

export function LiveProvider({ children }: { children: React.ReactNode }) {
  const [live] = useState(() => new Live())
  const client = useQueryClient()
  useEffect(() => {
    const end = new AbortController()
    const onChange = (change: Change | null) => {
      if (change === null) void client.invalidateQueries()
      live.emit(change)
    }
    void follow({ onChange, onState: (state) => live.become(state) }, end.signal)
    return () => end.abort()
  }, [client, live])
  return <Context value={live}>{children}</Context>
}

export function useLive(): Live {
  const live = useContext(Context)
  if (live === null) throw new Error('outside of LiveProvider')
  return live
}

const STATES: Record<LiveState, { mark: string; words: string }> = {
  connecting: { mark: 'Connecting', words: 'Asking for the stream of changes' },
  live: { mark: 'Live', words: 'Changes show by themselves' },
  waiting: { mark: 'Not live', words: 'The stream of changes is down; trying again. “Load anew” works meanwhile.' },
}

/** Whether changes come in by themselves. */
export function LiveMark() {
  const live = useLive()
  const state = useSyncExternalStore(live.watch, () => live.state)
  const { mark, words } = STATES[state]
  return (
    <Tooltip label={words}>
      <span className={classes.mark} data-state={state} role="status" aria-label={words}>
        <i aria-hidden />
        <span>{mark}</span>
      </span>
    </Tooltip>
  )
}
