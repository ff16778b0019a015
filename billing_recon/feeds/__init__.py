"""Read outside formats into canonical tables and quarantine. One module per format."""

from billing_recon.feeds.landing.delivery import bytes_of_day, delivered_otherwise, warns
from billing_recon.feeds.landing.pipeline import land
from billing_recon.feeds.price_list import read_price_lists

__all__ = ["bytes_of_day", "delivered_otherwise", "land", "read_price_lists", "warns"]
