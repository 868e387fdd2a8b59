import { Anchor, Badge } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type {
  Explained,
  ExplainedCorrelation,
  ExplainedItem,
  ExplainedMember,
  ExplainedSearch,
  Explanation,
} from '../api/pending'
import { countsFor, foundWords, verdictOf } from './record'
import classes from './explanation.module.css'

/** Deepest nesting that is drawn, of lists inside a selection and of correlations inside one; Sigma has two. */
const DEPTH_MAX = 8

/** What a rule says of a record: the outcome, the shortest account of it, then every comparison. */
export function Outcome({ explained }: { explained: Explained }) {
  const { holds, words } = verdictOf(explained)
  const { explanation, correlation, kind } = explained
  return (
    <div className={classes.outcome} data-testid="explained" data-outcome={explained.outcome} role="status">
      <p className={classes.verdict}>
        <Mark holds={holds} /> <b>{words}</b> {kind ? <span className="dim">Read as {kind}.</span> : null}
      </p>
      {explanation && explained.outcome === 'other_logsource' ? (
        <p className="dim">Were it of that kind, this is how it would compare:</p>
      ) : null}
      {explanation ? <Account explanation={explanation} /> : null}
      {correlation ? <Members correlation={correlation} depth={0} /> : null}
    </div>
  )
}

function Mark({ holds }: { holds: boolean }) {
  return (
    <span className={classes.mark} data-holds={holds} role="img" aria-label={holds ? 'holds' : 'does not hold'}>
      {holds ? '✓' : '✗'}
    </span>
  )
}

function At({ line }: { line?: number | null }) {
  return line ? <span className={classes.line}>line {line}</span> : null
}

function Account({ explanation }: { explanation: Explanation }) {
  const { reasons, conditions, selections } = explanation
  return (
    <>
      {reasons.length > 0 ? (
        <ul className={classes.reasons} aria-label="Why">
          {reasons.map((reason, index) => (
            <li key={index}>
              <Mark holds={reason.holds} /> <span className="wrap">{ticked(reason.text)}</span>{' '}
              <At line={reason.line} />
            </li>
          ))}
        </ul>
      ) : null}
      <details className={classes.all} open={reasons.length === 0}>
        <summary>Every comparison</summary>
        {conditions.map((condition, index) => (
          <p key={index}>
            <Mark holds={condition.holds} /> <span className="dim">condition</span> <code>{condition.source}</code>{' '}
            <At line={condition.line} />
          </p>
        ))}
        {selections.map((selection) => (
          <section key={selection.name} aria-label={selection.name} className={classes.selection}>
            <h3>
              <Mark holds={selection.holds} /> <code>{selection.name}</code> <At line={selection.line} />
            </h3>
            <Search search={selection.search} depth={0} />
          </section>
        ))}
      </details>
    </>
  )
}

/** Texts of the server mark fields with backticks. */
function ticked(text: string): React.ReactNode {
  return text.split('`').map((part, index) => (index % 2 === 0 ? part : <code key={index}>{part}</code>))
}

function Search({ search, depth }: { search: ExplainedSearch; depth: number }) {
  if (depth > DEPTH_MAX) return null
  if ('any' in search) {
    return (
      <div className={classes.any}>
        <span className="dim">any of</span>
        {search.any.map((each, index) => (
          <Search key={index} search={each} depth={depth + 1} />
        ))}
      </div>
    )
  }
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label="Comparisons">
      <table className={`table ${classes.items ?? ''}`}>
        <thead>
          <tr>
            <th aria-label="Holds" />
            <th>Field</th>
            <th>The rule wants</th>
            <th>It has</th>
          </tr>
        </thead>
        <tbody>
          {search.all.map((item, index) => (
            <Item key={index} item={item} depth={depth} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Item({ item, depth }: { item: ExplainedItem; depth: number }) {
  const joined = item.wants_all ? 'all of ' : item.wanted.length > 1 ? 'one of ' : ''
  const told = item.elements?.told
  return (
    <>
      <tr title={item.sentence}>
        <td>
          <Mark holds={item.holds} />
        </td>
        <td className="mono wrap">{item.key}</td>
        <td className="wrap">
          {joined ? <span className="dim">{joined}</span> : null}
          {item.wanted.map((wanted, index) => (
            <span key={index}>
              {index > 0 ? ', ' : ''}
              {item.met.includes(wanted) ? <mark className={classes.met}>{wanted}</mark> : <code>{wanted}</code>}
            </span>
          ))}
          {item.elements ? (
            <span className="dim">
              {item.elements.quantifier} of {item.elements.count} elements: {item.elements.answered} do
            </span>
          ) : null}
        </td>
        <td className={item.found === 'no_field' ? 'dim' : 'mono wrap'}>{foundWords(item)}</td>
      </tr>
      {told ? (
        <tr>
          <td />
          <td colSpan={3}>
            <span className="dim">Element {told.number}:</span>
            <Search search={told.search} depth={depth + 1} />
          </td>
        </tr>
      ) : null}
    </>
  )
}

function Members({ correlation, depth }: { correlation: ExplainedCorrelation; depth: number }) {
  if (depth > DEPTH_MAX) return null
  return (
    <>
      <ul className={classes.members}>
        {correlation.members.map((member) => (
          <Member key={member.rule_id} member={member} groupBy={correlation.group_by} depth={depth} />
        ))}
      </ul>
      {correlation.truncated ? <p className="dim">It has more rules than are shown.</p> : null}
    </>
  )
}

function Member({ member, groupBy, depth }: { member: ExplainedMember; groupBy: string[]; depth: number }) {
  return (
    <li>
      <p>
        <Mark holds={countsFor(member)} />{' '}
        <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/rules/$id" params={{ id: member.rule_id }} />}>
          {member.title}
        </Anchor>{' '}
        {member.is_correlation ? <Badge>correlation</Badge> : null}
      </p>
      {member.groups.some((group) => group.length > 0) ? (
        <p className="wrap">
          counts in the group{' '}
          {member.groups.map((group, index) => (
            <code key={index}>{group.map((value, field) => `${groupBy[field] ?? ''}: ${value}`).join(', ')} </code>
          ))}
        </p>
      ) : null}
      {member.outcome === 'matches' && member.missing.length > 0 ? (
        <p>
          It matches and yet does not count: the record has no <code>{member.missing.join(', ')}</code>.
        </p>
      ) : null}
      {member.explanation ? <Account explanation={member.explanation} /> : null}
      {member.correlation ? (
        <>
          <p>To fire itself, it needs {member.correlation.needs}.</p>
          <Members correlation={member.correlation} depth={depth + 1} />
        </>
      ) : null}
    </li>
  )
}
