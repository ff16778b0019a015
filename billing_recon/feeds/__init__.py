"""Read outside formats into canonical tables and quarantine. One module per format; `landing.pipeline.land` begins."""
