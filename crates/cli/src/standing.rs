//! `metacloud run --standing`: a request left at the market for its keeper.

use metacloud_sdk::{Cloud, Purchase, Standing};
use serde_json::json;

use crate::failure::Failure;
use crate::run::failure;
use crate::terminal::rlc;

/// Leaves the request and says by which name its deals are found.
pub(crate) async fn leave(cloud: &Cloud, purchase: &Purchase, as_json: bool) -> Result<(), Failure> {
    let Standing { order, app, price_max, volume } = cloud.leave_request(purchase).await.map_err(failure)?;
    if as_json {
        let (order, app) = (order.to_string(), app.to_string());
        let price_max = price_max.0.to_string();
        println!(
            "{}",
            json!({"status": "STANDING", "orderHash": order, "app": app, "maxPriceNrlc": price_max, "volume": volume})
        );
        return Ok(());
    }
    println!("Order {order} stands at the market, for {} at most.", rlc(price_max));
    println!("Its keeper makes the deal whenever an offer fits. What it did:");
    println!("  GET /deals?requestorderHash={order}");
    Ok(())
}
