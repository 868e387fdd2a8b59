import { Modal, Text } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import { PLACES } from './navigation'

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

const GROUPS: [string, [string, string][]][] = [
  [
    'Anywhere',
    [
      ['Ctrl K', 'search and commands'],
      ['?', 'this list'],
      ...PLACES.map(({ key, name }): [string, string] => [`g ${key}`, name]),
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
      ['u', 'back to the queue'],
    ],
  ],
]

export function Shortcuts() {
  const opened = useSyncExternalStore(shortcuts.watch, () => shortcuts.opened)
  return (
    <Modal opened={opened} onClose={shortcuts.close} title="Keyboard" size="md">
      {GROUPS.map(([group, keys]) => (
        <section key={group}>
          <Text fw={600} mt="sm" mb={4}>
            {group}
          </Text>
          <table className="table">
            <tbody>
              {keys.map(([key, meaning]) => (
                <tr key={key}>
                  <td className="nowrap mono" width={110}>
                    {key}
                  </td>
                  <td>{meaning}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ))}
    </Modal>
  )
}
