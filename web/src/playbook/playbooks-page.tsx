import { Anchor, Badge, Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { count, dayOf } from '../time/format'
import type { Playbook } from './api'
import classes from './playbook.module.css'
import { playbooksQuery } from './playbooks'
import { attachedTo, fittingFirst, isOverdue } from './words'

/** What to do when: the playbooks, whose they are, and which should be looked at again. */
export function PlaybooksPage() {
  const found = useQuery(playbooksQuery())
  const [text, setText] = useState('')
  const all = found.data ?? []
  const wanted = text.trim().toLowerCase()
  const shown = fittingFirst(all).filter((playbook) =>
    [playbook.name, playbook.owner, playbook.description, ...(playbook.attach?.classes ?? []), ...playbook.actions]
      .join(' ')
      .toLowerCase()
      .includes(wanted),
  )
  const overdue = all.filter((playbook) => isOverdue(playbook, dayOf(Date.now()))).length
  return (
    <Page
      title="Playbooks"
      about={
        <>
          {count(all.length)} procedures, CACAO 2.0{overdue > 0 ? `; ${count(overdue)} overdue for review` : ''}. They
          are begun from an incident, or here.
        </>
      }
      tools={
        <>
          <TextInput
            aria-label="Search playbooks"
            placeholder="Name, owner, action"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Button variant="default" component={Link} to="/runs">
            Runs
          </Button>
        </>
      }
    >
      {found.isPending ? <Loading lines={8} /> : null}
      {found.isError ? <ProblemNote error={found.error} what="Playbooks" retry={() => void found.refetch()} /> : null}
      {found.data && shown.length === 0 ? (
        <Empty title={wanted ? 'No such playbook' : 'There are no playbooks'}>
          Playbooks are CACAO files in the folders that the configuration names; those that come along are on by
          default.
        </Empty>
      ) : null}
      {shown.length > 0 ? <Table playbooks={shown} /> : null}
    </Page>
  )
}

function Table({ playbooks }: { playbooks: readonly Playbook[] }) {
  return (
    <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Playbooks">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Playbook</th>
            <th scope="col">Attached to</th>
            <th scope="col">Owner</th>
            <th scope="col">Review by</th>
            <th scope="col" className="num">
              Steps
            </th>
          </tr>
        </thead>
        <tbody>
          {playbooks.map((playbook) => (
            <tr key={playbook.id}>
              <td>
                <Anchor
                  size="sm"
                  fw={600}
                  renderRoot={(props) => <Link {...props} to="/playbooks/$id" params={{ id: playbook.id }} />}
                >
                  {playbook.name}
                </Anchor>
                <div className="dim">
                  {playbook.actions.length > 0 ? playbook.actions.join(', ') : 'by people only'}
                </div>
              </td>
              <td>
                {attachedTo(playbook).map((line) => (
                  <div key={line}>{line}</div>
                ))}
              </td>
              <td>{playbook.owner ?? <span className="dim">nobody</span>}</td>
              <td className="nowrap">
                <ReviewBy playbook={playbook} />
              </td>
              <td className="num">{count(playbook.steps)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

export function ReviewBy({ playbook }: { playbook: Pick<Playbook, 'review_by'> }) {
  if (!playbook.review_by) return <span className="dim">not set</span>
  const day = playbook.review_by.slice(0, 10)
  if (!isOverdue(playbook, dayOf(Date.now()))) return <time dateTime={day}>{day}</time>
  return (
    <span className={classes.overdue}>
      <time dateTime={day}>{day}</time> <Badge color="red">overdue</Badge>
    </span>
  )
}
