import classes from './page.module.css'

/** A screen with a heading, what it is for, and its tools. */
export function Page({
  title,
  about,
  tools,
  children,
}: {
  title: string
  about?: React.ReactNode
  tools?: React.ReactNode
  children: React.ReactNode
}) {
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <div>
          <h1>{title}</h1>
          {about ? <p>{about}</p> : null}
        </div>
        {tools ? <div className={classes.tools}>{tools}</div> : null}
      </header>
      {children}
    </div>
  )
}

export function Section({
  title,
  about,
  children,
}: {
  title: string
  about?: React.ReactNode
  children: React.ReactNode
}) {
  return (
    <section className={classes.section} aria-label={title}>
      <h2>{title}</h2>
      {about ? <p className="dim">{about}</p> : null}
      {children}
    </section>
  )
}
