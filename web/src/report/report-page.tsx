import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Problem, Waiting, Note } from '../guest/controls'
import { useVisitor, type Visitor } from '../guest/visitor'
import { checkLink, loadForms, type CheckedLink, type Form } from './api'
import { readDraft } from './draft'
import { intoForm, readPrefill, type Prefill } from './prefill'
import { ReportForm, type Start } from './report-form'

/** The form that anybody may fill in. */
export default function ReportPage() {
  useEffect(() => {
    document.title = 'Report something · Hue & Cry'
  }, [])
  const [prefill] = useState(() => readPrefill(location.search))
  const visitor = useVisitor()
  const forms = useQuery({
    queryKey: ['forms'],
    queryFn: ({ signal }) => loadForms({ anonymous: true, signal }),
    staleTime: 300_000,
  })
  const link = useQuery({
    queryKey: ['link', prefill.link],
    queryFn: () => checkLink(prefill.link ?? ''),
    enabled: prefill.link !== undefined,
    retry: false,
    staleTime: Infinity,
  })
  const linkIsOpen = prefill.link !== undefined && link.isPending
  return (
    <>
      <div>
        <h1>Report something</h1>
        <p className="dim">
          You need no account. What is personal or secret is masked on this device, before anything is sent.
        </p>
      </div>
      {forms.isError ? (
        <Problem error={forms.error} what="The forms" retry={() => void forms.refetch()} />
      ) : forms.isPending || linkIsOpen || visitor === undefined ? (
        <Waiting what="the form" />
      ) : forms.data.items.length === 0 ? (
        <Note tone="warn" title="There is no form here">
          <p>This server takes no reports.</p>
        </Note>
      ) : (
        <>
          {link.isError ? <Problem error={link.error} what="The link you came by is not used" /> : null}
          <Begun forms={forms.data.items} prefill={prefill} link={link.data} person={visitor} />
        </>
      )}
    </>
  )
}

interface BegunProps {
  forms: Form[]
  prefill: Prefill
  link: CheckedLink | undefined
  person: Visitor | null
}

/** Where to begin: with what the address brings along, with a draft, or from nothing. */
function Begun({ forms, prefill, link, person }: BegunProps) {
  const [draft, setDraft] = useState(() => readDraft(Date.now()))
  const brought = prefill.link !== undefined || prefill.form !== undefined || hasAny(prefill)
  const [resume, setResume] = useState(!brought)
  const [round, setRound] = useState(0)
  const known = (type: string | undefined) => forms.find((form) => form.type === type)
  const first = forms[0]
  if (!first) return null
  const kept = draft && known(draft.form) ? draft : null
  const form = known(prefill.form) ?? first
  const given = {
    values: link?.service ? { ...prefill.values, service: link.service } : prefill.values,
    context: { ...prefill.context, ...link?.context },
  }
  const fresh: Start = {
    type: form.type,
    values: intoForm(form, given, new Date()),
    brought: given,
    context: given.context,
    link: link ? prefill.link : undefined,
    draft: null,
  }
  const start: Start =
    kept && resume
      ? {
          type: kept.form,
          values: kept.values,
          brought: { values: {}, context: {} },
          context: kept.context,
          link: kept.link,
          draft: kept,
        }
      : fresh
  return (
    <>
      {kept && !resume ? (
        <Note title="You have a draft on this device">
          <p>
            <button type="button" className="text-button" onClick={() => setResume(true)}>
              Go on with it
            </button>{' '}
            instead of what this link brings along.
          </p>
        </Note>
      ) : null}
      <ReportForm
        key={`${String(resume)} ${String(round)}`}
        forms={forms}
        start={start}
        person={person}
        signed={link ?? null}
        onDeleted={() => {
          setDraft(null)
          setRound(round + 1)
        }}
      />
    </>
  )
}

function hasAny({ values, context }: Prefill): boolean {
  return Object.keys(values).length > 0 || Object.keys(context).length > 0
}
