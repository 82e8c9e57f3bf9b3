from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0014_histories")]

    operations = [
        migrations.AddField(
            model_name="app",
            name="processes_seen",
            field=models.JSONField(
                default=dict, help_text="service → [ready, wanted], as its cluster said when last looked at"
            ),
        ),
    ]
