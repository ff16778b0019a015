"""Electronic invoices, one module per format; `formats` recognises and reads any of them. Importing the package loads no parser."""
