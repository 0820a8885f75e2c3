# shellcheck shell=bash
# What the tests of packaging/ serve and bill: an nginx with two logs, one that
# is billed and rotated and one beside it that is the truth, and a fake Stripe.
# Sourced by the tests, after machine.sh.

traffic_key=sk_test_machine4eC39HqLyjWDarjtT1zdp7dc

# traffic_setup installs nginx' configuration, the fake Stripe and the traffic
# into the machine, and starts them. $1 is the program stripetestd.
traffic_setup() {
	put /usr/local/bin/stripetestd 755 <"$1"
	put /etc/systemd/system/stripe.service <<-X
		[Unit]
		Before=logmeter.service
		[Service]
		ExecStart=/usr/local/bin/stripetestd -listen 127.0.0.1:12111 -meters api_calls -key $traffic_key -totals /var/lib/totals.json
		Restart=no
		[Install]
		WantedBy=multi-user.target
	X
	put /etc/nginx/conf.d/api.conf <<-'X'
		log_format api '$remote_addr - $remote_user [$time_local] "$request" '
		               '$status $body_bytes_sent "$http_referer" '
		               '"$http_user_agent" "$upstream_http_x_customer_id"';
		log_format truth '$status $uri';
		server {
			listen 127.0.0.1:8081;
			access_log off;
			location /v1/ { add_header X-Customer-ID cus_Machine; return 200 "742\n"; }
		}
		server {
			listen 127.0.0.1:8080;
			access_log /var/log/nginx/access.log api;
			access_log /var/lib/truth.log truth;
			location / { proxy_pass http://127.0.0.1:8081; }
		}
	X
	inside rm -f /etc/nginx/sites-enabled/default
	inside systemctl --quiet enable --now stripe.service
	inside systemctl restart nginx.service
}

# traffic_config writes the configuration: the package's own one, with the fake
# Stripe, and sending all at a stop so that a test needn't wait for an hour.
traffic_config() {
	inside sed -i 's|^live = false|live = false\napi_base = "http://127.0.0.1:12111"\n[report]\nsettle = "0s"\non_stop = "send"|' /etc/logmeter/agent.toml
	echo $traffic_key | put /etc/logmeter/stripe.key 600
}

# traffic COUNT serves that many calls that are billed, and a few others.
traffic() {
	inside curl -s -o /dev/null "http://127.0.0.1:8080/v1/x?[1-$1]" -: -s -o /dev/null 'http://127.0.0.1:8080/elsewhere?[1-7]'
}

# traffic_on serves calls until traffic_off, or until the machine goes down.
# It's a unit: a shutdown would wait long for a process from outside.
traffic_on() {
	inside systemd-run --quiet --collect --unit=traffic \
		sh -c 'while :; do curl -s -o /dev/null "http://127.0.0.1:8080/v1/x?[1-50]"; done'
}

traffic_off() { inside systemctl stop traffic.service; }

# served prints how many billable calls nginx served, ever.
served() { inside grep -c '^200 /v1/' /var/lib/truth.log || true; }

# billed prints what Stripe would bill, of this boot.
billed() { inside curl -s http://127.0.0.1:12111/_test/totals | sum_values; }

sum_values() { grep -o '"value": *[0-9]*' | awk -F: '{ n += $2 } END { print n + 0 }'; }

# life_after PID succeeds once another process of the service is ready.
life_after() {
	local pid
	pid=$(property MainPID)
	[ "$pid" != 0 ] && [ "$pid" != "$1" ] && [ "$(property SubState)" = running ]
}
