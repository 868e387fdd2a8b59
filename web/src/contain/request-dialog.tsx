import {
  Alert,
  Anchor,
  Autocomplete,
  Button,
  Group,
  Modal,
  SegmentedControl,
  Select,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { ApiError } from '../api/problem'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { SendingKey } from '../report/draft'
import { previewContainment, requestContainment, type Action, type Preview } from './api'
import { containmentsChanged, keepNew, useActions } from './containments'
import classes from './contain.module.css'
import {
  EMPTY,
  fittingActions,
  hasTtl,
  missingIn,
  toRequest,
  TTL_CHOICES_MINUTES,
  withAction,
  type Draft,
  type Entity,
  type Fitting,
} from './draft'
import { PlanView } from './plan-view'
import { Refused } from './refused'
import { decisionWords, reversibilityWords, ttlWords } from './words'

interface Props {
  opened: boolean
  onClose: () => void
  incident?: string
  entities: readonly Entity[]
}

/** What to do, to what, for how long and why; then what that would change; then it is asked for. */
export function RequestDialog({ opened, onClose, ...rest }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="Contain" size="lg">
      <Inside onClose={onClose} {...rest} />
    </Modal>
  )
}

function Inside({ onClose, incident, entities }: Omit<Props, 'opened'>) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const actions = useActions()
  const fitting = useMemo(() => fittingActions(actions.data?.items ?? [], entities), [actions.data, entities])
  const [draft, setDraft] = useState<Draft>(EMPTY)
  const [told, setTold] = useState(false)
  const [keys] = useState(() => new SendingKey())
  const { action } = draft
  const look = useMutation({
    mutationFn: (of: Draft & { action: Action }) => previewContainment(toRequest(of, incident)),
  })
  const request = useMutation({
    mutationFn: ({ of, seen }: { of: Draft & { action: Action }; seen: Preview }) => {
      const body = { ...toRequest(of, incident), plan_sha256: seen.plan_sha256 }
      return requestContainment(body, keys.for(JSON.stringify(body)))
    },
    onSuccess: (made) => {
      keepNew(client, made)
      containmentsChanged(client)
      noticeDone(made.state === 'awaiting_approval' ? 'Asked; it waits for approval' : 'It is being applied')
      onClose()
      void navigate({ to: '/containments/$id', params: { id: made.id } })
    },
    onError: (error, { of }) => {
      // what would be done now is another thing: it is shown before it is asked for again
      if (error instanceof ApiError && error.code === 'plan_changed') look.mutate(of)
    },
  })
  const put = (change: Partial<Draft>) => {
    setDraft((before) => ({ ...before, ...change }))
    look.reset()
    request.reset()
  }
  const missing = missingIn(draft)
  const submit = () => {
    setTold(true)
    if (!action || Object.keys(missing).length > 0) return
    const of = { ...draft, action }
    if (!look.data) look.mutate(of)
    else if (look.data.decision.outcome !== 'refused') request.mutate({ of, seen: look.data })
  }
  if (actions.isPending) return <Loading />
  if (actions.isError) return <ProblemNote error={actions.error} what="Actions" />
  return (
    <form
      className={classes.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <ActionSelect
        fitting={fitting}
        action={action}
        fault={told ? missing.action : undefined}
        onChoose={(chosen) => put(withAction(draft, chosen))}
      />
      {action ? (
        <Fields
          draft={draft}
          action={action}
          targets={fitting.find((each) => each.action.name === action.name)?.targets ?? []}
          missing={told ? missing : {}}
          put={put}
        />
      ) : null}
      {look.isError ? <Refused error={look.error} what="It cannot be planned" /> : null}
      {request.isError ? <Refused error={request.error} what="It was not asked for" /> : null}
      {look.data ? <Previewed preview={look.data} /> : null}
      <Group gap="xs" justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Leave it
        </Button>
        <Button
          type="submit"
          loading={look.isPending || request.isPending}
          disabled={look.data?.decision.outcome === 'refused'}
        >
          {!look.data
            ? 'Show what it would change'
            : look.data.decision.outcome === 'automatic'
              ? 'Apply now'
              : 'Ask for approval'}
        </Button>
      </Group>
    </form>
  )
}

interface ActionProps {
  fitting: readonly Fitting[]
  action: Action | null
  fault?: string
  onChoose: (chosen: Fitting) => void
}

function ActionSelect({ fitting, action, fault, onChoose }: ActionProps) {
  const group = (title: string, of: (each: Fitting) => boolean) => ({
    group: title,
    items: fitting.filter(of).map((each) => ({
      value: each.action.name,
      label: `${each.action.connector_title}: ${each.action.title}`,
      disabled: !each.action.connected,
    })),
  })
  const groups = [
    group('Fits what the incident names', ({ action, targets }) => action.connected && targets.length > 0),
    group('With a target that you name', ({ action, targets }) => action.connected && targets.length === 0),
    group('Not connected: an administrator sets them up', ({ action }) => !action.connected),
  ].filter(({ items }) => items.length > 0)
  const connected = fitting.some((each) => each.action.connected)
  return (
    <div>
      {connected ? null : (
        <Alert variant="light" mb="xs" title="Nothing is connected">
          The product can act once its configuration names a connection, under <code>respond.connections</code>.
        </Alert>
      )}
      <Select
        label="What to do"
        required
        data-autofocus
        searchable
        placeholder="Choose an action"
        maxDropdownHeight={320}
        error={fault}
        value={action?.name ?? null}
        data={groups}
        nothingFoundMessage="No such action"
        onChange={(name) => {
          const chosen = fitting.find((each) => each.action.name === name)
          if (chosen) onChoose(chosen)
        }}
      />
      {action ? (
        <Text size="xs" className="dim" mt={4}>
          Impact {action.impact}; {reversibilityWords(action.reversibility)}.{' '}
          {action.documentation ? (
            <Anchor size="xs" underline="always" href={action.documentation} target="_blank" rel="noreferrer">
              What the vendor says
            </Anchor>
          ) : null}
        </Text>
      ) : null}
    </div>
  )
}

interface FieldsProps {
  draft: Draft
  action: Action
  targets: readonly string[]
  missing: Record<string, string>
  put: (change: Partial<Draft>) => void
}

function Fields({ draft, action, targets, missing, put }: FieldsProps) {
  return (
    <>
      <Autocomplete
        size="xs"
        label={`Target: the ${action.target}`}
        description={
          targets.length === 0 ? 'The incident names none of this kind' : `${String(targets.length)} from the incident`
        }
        required
        data={[...targets]}
        filter={({ options, search }) =>
          targets.includes(search)
            ? options
            : options.filter((option) => 'label' in option && option.label.includes(search))
        }
        error={missing.target}
        value={draft.target}
        onChange={(target) => put({ target })}
      />
      {action.inputs.map(({ name, help, required }) => (
        <TextInput
          key={name}
          label={name.replaceAll('_', ' ')}
          description={help}
          required={required}
          error={missing[`input ${name}`]}
          value={draft.inputs[name] ?? ''}
          onChange={(event) => put({ inputs: { ...draft.inputs, [name]: event.currentTarget.value } })}
        />
      ))}
      {hasTtl(action) ? <TtlField draft={draft} action={action} fault={missing.ttl} put={put} /> : null}
      <Textarea
        label="Why?"
        description="Whoever approves reads this; it stands in the history."
        required
        autosize
        minRows={2}
        maxRows={8}
        error={missing.reason}
        value={draft.reason}
        onChange={(event) => put({ reason: event.currentTarget.value })}
      />
    </>
  )
}

interface TtlProps {
  draft: Draft
  action: Action
  fault?: string
  put: (change: Partial<Draft>) => void
}

function TtlField({ draft, action, fault, put }: TtlProps) {
  const usual = action.ttl_minutes_default
  const minutes = [...new Set([...TTL_CHOICES_MINUTES, ...(usual ? [usual] : [])])].toSorted((a, b) => a - b)
  return (
    <div>
      <Text size="xs" fw={500} id="ttl-label">
        Taken back by itself after
      </Text>
      <Group gap="xs" mt={3}>
        <SegmentedControl
          aria-labelledby="ttl-label"
          value={String(draft.ttl)}
          data={[
            ...minutes.map((each) => ({ value: String(each), label: ttlWords(each) })),
            { value: 'custom', label: 'another time' },
          ]}
          onChange={(value) => put({ ttl: value === 'custom' ? 'custom' : Number(value) })}
        />
        {draft.ttl === 'custom' ? (
          <TextInput
            w={130}
            aria-label="Another time"
            placeholder="90m, 6h, 2d"
            error={fault}
            value={draft.customTtl}
            onChange={(event) => put({ customTtl: event.currentTarget.value })}
          />
        ) : null}
      </Group>
    </div>
  )
}

/** What would be done, and who decides. */
function Previewed({ preview }: { preview: Preview }) {
  const { decision, limit } = preview
  return (
    <section className={classes.decide} aria-label="What it would change" data-testid="preview">
      <PlanView plan={preview.plan} hash={preview.plan_sha256} />
      <p className={classes.standing} role="status">
        <b>{decisionWords(decision)}</b> {decision.outcome === 'refused' ? Object.values(decision.why).join(' ') : null}
        {limit ? (
          <span className="dim">
            {String(limit.used)} of {String(limit.max)} in {ttlWords(limit.window_minutes)} are used.
          </span>
        ) : null}
      </p>
    </section>
  )
}
