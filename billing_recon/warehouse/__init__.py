"""Delta tables partitioned by day: read a range of days, replace one partition. Several processes may work at once."""

from billing_recon.warehouse.delta import Warehouse, Written, content_digest
from billing_recon.warehouse.listings import Listings
from billing_recon.warehouse.mirror import mirrored

__all__ = ["Listings", "Warehouse", "Written", "content_digest", "mirrored"]
