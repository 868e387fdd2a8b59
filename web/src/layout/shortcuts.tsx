import { Modal, Text } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import type { Session } from '../api/pending'
import { useSession } from '../session/use-session'
import { placesFor } from './navigation'
import classes from './shortcuts.module.css'

class Opener {
  opened = false
  private readonly watchers = new Set<() => void>()

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  private set(opened: boolean) {
    this.opened = opened
    for (const watcher of this.watchers) watcher()
  }

  open = () => this.set(true)
  close = () => this.set(false)
}

export const shortcuts = new Opener()

const groupsFor = (session: Session | null): [string, [string, string][]][] => [
  [
    'Anywhere',
    [
      ['Ctrl K', 'search and commands'],
      ['?', 'this list'],
      ...placesFor(session).map(({ key, name }): [string, string] => [`g ${key}`, name]),
    ],
  ],
  [
    'Queue',
    [
      ['j / k', 'next, previous'],
      ['Enter', 'open the incident'],
      ['o', 'show or hide the pane'],
      ['x', 'select'],
      ['Shift A', 'select all that are loaded'],
      ['/', 'search'],
      ['r', 'load anew'],
      ['Esc', 'clear the selection'],
    ],
  ],
  [
    'Incident, also in the queue',
    [
      ['a', 'take it'],
      ['e', 'close with a verdict'],
      ['1 … 9', 'in that list: the verdict, in one key'],
      ['c', 'comment'],
      ['n / p', 'next, previous of the queue'],
      ['u', 'back to the queue'],
    ],
  ],
  [
    'Containments',
    [
      ['j / k', 'next, previous'],
      ['a', 'approve: to the button that says what happens'],
      ['d', 'deny'],
      ['u', 'undo, or call it off'],
      ['e', 'keep it for longer'],
      ['o', 'open it on a page of its own'],
    ],
  ],
  [
    'Reports',
    [
      ['j / k', 'next, previous'],
      ['a', 'accept'],
      ['m', 'merge with an incident'],
      ['s', 'ask the reporter'],
      ['d', 'decline'],
      ['Ctrl Enter', 'submit, and on to the next'],
    ],
  ],
]

export function Shortcuts() {
  const session = useSession()
  const opened = useSyncExternalStore(shortcuts.watch, () => shortcuts.opened)
  return (
    <Modal opened={opened} onClose={shortcuts.close} title="Keyboard" size={720}>
      <div className={classes.groups}>
        {groupsFor(session).map(([group, keys]) => (
          <section key={group} aria-label={group}>
            <Text fw={600} mb={4}>
              {group}
            </Text>
            <dl className={classes.keys}>
              {keys.map(([key, meaning]) => (
                <div key={key}>
                  <dt>
                    {key
                      .split(' ')
                      .map((part, index) =>
                        part === '/' && index === 1 ? ' or ' : part === '…' ? ' to ' : <kbd key={index}>{part}</kbd>,
                      )}
                  </dt>
                  <dd>{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  )
}
