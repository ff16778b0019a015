"""Who is paged about what: watch the home, keep one incident per cause and day, deliver its pages. Knows no Dagster.

`watch` says what is wrong now, `desk` turns that into incidents and pages in the outbox of the control database, `bodies`
writes a page as its service takes it, `delivery` sends what is due. Each can be killed at any point and repeated.
"""
