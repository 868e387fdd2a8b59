import { Anchor, Button, Group } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { isAbsent } from '../api/problem'
import { CopyBlock } from '../feedback/copy-block'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { Page, Section } from '../layout/page'
import { useRuleTitle } from '../rules/titles'
import { useMay } from '../session/use-session'
import { rehearse, type Attach, type WholePlaybook } from './api'
import classes from './playbook.module.css'
import { playbookQuery } from './playbooks'
import { ReviewBy } from './playbooks-page'
import { RunDialog } from './run-dialog'
import { RehearsalView, StepsView } from './steps-view'
import { ValuesForm } from './values-form'
import { firstValues, missingValues } from './words'

/** A playbook: what it is for, what it does, and what it would do with some values. */
export function PlaybookPage() {
  const { id } = useParams({ from: '/playbooks/$id' })
  const found = useQuery(playbookQuery(id))
  if (found.isPending) return <Loading lines={10} />
  if (found.isError && isAbsent(found.error)) {
    return (
      <Empty title={<h1>There is no such playbook</h1>}>
        <code className="wrap">{id}</code>. Go to <Link to="/playbooks">all playbooks</Link>.
      </Empty>
    )
  }
  if (found.isError) return <ProblemNote error={found.error} what="The playbook" retry={() => void found.refetch()} />
  return <Whole playbook={found.data} />
}

function Whole({ playbook }: { playbook: WholePlaybook }) {
  const [starting, setStarting] = useState(false)
  const mayRun = useMay('containments:request')
  return (
    <Page
      title={playbook.name}
      about={playbook.description}
      tools={mayRun ? <Button onClick={() => setStarting(true)}>Run it…</Button> : null}
    >
      <About playbook={playbook} />
      <Section title="Steps">
        <StepsView steps={playbook.steps} />
      </Section>
      <Section title="Rehearse" about="What it would do, and in which order, with these values. Nothing is done.">
        <Rehearse playbook={playbook} />
      </Section>
      <Section title="Source">
        <details>
          <summary>As the file has it</summary>
          <CopyBlock text={playbook.text} label="the playbook’s source" />
        </details>
      </Section>
      <RunDialog
        opened={starting}
        onClose={() => setStarting(false)}
        playbook={{ ...playbook, steps: playbook.steps.length }}
        entities={[]}
      />
    </Page>
  )
}

const NOT_ATTACHED: Attach = { classes: [], rules: [], severities: [], services: [] }

function About({ playbook }: { playbook: WholePlaybook }) {
  const ruleTitle = useRuleTitle()
  const attach = playbook.attach ?? NOT_ATTACHED
  const named = (values: readonly string[]) =>
    values.length === 0 || values.includes('*') ? <span className="dim">any</span> : values.join(', ')
  return (
    <dl className={classes.about}>
      <Fact name="Owner">{playbook.owner ?? <span className="dim">nobody</span>}</Fact>
      <Fact name="Review by">
        <ReviewBy playbook={playbook} />
      </Fact>
      <Fact name="Classes">{named(attach.classes)}</Fact>
      <Fact name="Severities">{named(attach.severities)}</Fact>
      <Fact name="Services">{named(attach.services)}</Fact>
      <Fact name="Actions">
        {playbook.actions.length > 0 ? <code>{playbook.actions.join(', ')}</code> : <span className="dim">none</span>}
      </Fact>
      <Fact name="Rules">
        {attach.rules.length === 0 ? <span className="dim">any</span> : null}
        {attach.rules.map((rule) => (
          <div key={rule}>
            {rule.includes('*') ? (
              <code>{rule}</code>
            ) : (
              <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/rules/$id" params={{ id: rule }} />}>
                {ruleTitle(rule)}
              </Anchor>
            )}
          </div>
        ))}
      </Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Rehearse({ playbook }: { playbook: WholePlaybook }) {
  const [values, setValues] = useState(() => firstValues(playbook.variables, []))
  const [missing, setMissing] = useState<string[]>([])
  const asked = useMutation({ mutationFn: () => rehearse(playbook.id, values) })
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const without = missingValues(playbook.variables, values)
    setMissing(without)
    if (without.length === 0) asked.mutate()
  }
  return (
    <form onSubmit={submit} noValidate>
      <ValuesForm
        variables={playbook.variables}
        values={values}
        entities={[]}
        missing={missing}
        onChange={(next) => {
          setValues(next)
          asked.reset()
        }}
      />
      <Group mt="sm" mb="sm">
        <Button type="submit" variant="default" loading={asked.isPending}>
          Rehearse
        </Button>
      </Group>
      {asked.isError ? <ProblemNote error={asked.error} what="It could not be rehearsed" /> : null}
      {asked.data ? <RehearsalView rehearsal={asked.data} /> : null}
    </form>
  )
}
